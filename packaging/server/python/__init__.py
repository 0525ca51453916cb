"""The server of Volary: clients start it as `deltachat-rpc-server`, and speak JSON-RPC with it."""

import os
import sys


def path() -> str:
    """Where the program is."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "volary-rpc-server")


def main() -> None:
    """Becomes the program."""
    os.execv(path(), [path(), *sys.argv[1:]])
