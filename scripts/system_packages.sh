#!/bin/sh
# Install the Debian packages that a Qt window, a virtual screen and a Python environment need.
# Does nothing where they are present already or where there is no apt; without root it only says what is missing.
set -eu

command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 || exit 0

wanted="xvfb xauth xdotool libgl1 libglx-mesa0 libgl1-mesa-dri libegl1 libopengl0 libdbus-1-3 libfontconfig1
libglib2.0-0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0
libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1"

installed() { # Debian 13 renamed some libraries to <name>t64
    dpkg-query -W -f '${Status}\n' "$1" "$1t64" 2>/dev/null | grep -q '^install ok installed$'
}

missing=""
for package in $wanted; do
    installed "$package" || missing="$missing $package"
done
"${PYTHON:-python3}" -c 'import ensurepip, venv' >/dev/null 2>&1 || missing="$missing python3-venv"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "These Debian packages are missing; windows and their tests may not work:$missing" >&2
    echo "Install them with: sudo apt-get install$missing" >&2
    exit 0
fi

echo "Installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
