"""HTTP: parse, call one service, shape. The web framework is known here and nowhere else."""
