"""Serve until the standard input ends: no provider outlives the tests that started it."""

import sys
import threading

from oidc.server import serve

server = serve()
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_port}", flush=True)
sys.stdin.read()
