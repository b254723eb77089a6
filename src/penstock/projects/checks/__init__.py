"""What is found out about the files of a version: each check is a stage, the cheapest first."""
