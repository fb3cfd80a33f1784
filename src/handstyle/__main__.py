"""What happens when somebody types `handstyle`, or `python -m handstyle`?

Hardly anything is imported out here, so that Ctrl-C is heard from the start.
"""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 done, 1 an error, 2 a mistake in the command, 3 a gate said no, 130 interrupted."""
    try:
        from handstyle.terminal.command_line import answer

        return answer(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # so early that nothing had begun
        return 130


if __name__ == "__main__":
    sys.exit(main())
