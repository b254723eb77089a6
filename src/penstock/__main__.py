"""`python -m penstock`: the same as `penstock`."""

from penstock.cli.main import main

main()
