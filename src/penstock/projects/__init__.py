"""What is built by talking: projects, their versions, and the files of each."""
