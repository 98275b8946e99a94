#!/bin/sh
# Run a command on a virtual screen of its own, so that tests neither need a display nor disturb yours.
# Where there is no xvfb-run (macOS, Windows) the command uses the screen that is there.
set -eu

if command -v xvfb-run >/dev/null 2>&1; then
    unset WAYLAND_DISPLAY
    export QT_QPA_PLATFORM=xcb
    exec xvfb-run -a -s "-screen 0 1400x900x24" "$@"
fi
exec "$@"
