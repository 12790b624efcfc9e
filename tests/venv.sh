# Finds interpreters and keeps virtual environments, for tests/run, examples/run and .ci/run.
# To be read with "." after setting $root, the top of the repository. POSIX sh; everything it says goes to stderr.

# Python 3.11.5 is the oldest: the possessive quantifiers of re had bugs before it.
# shellcheck disable=SC2016  # Python, not shell
probe='
import sys
minor = "%d.%d" % sys.version_info[:2]
if sys.version_info >= (3, 11, 5) and sys.argv[1] in ("any", minor):
    print(sys.executable)
'

complain() {
    printf '%s\n' "$@" >&2
}

# Prints the path of an interpreter of version $1 ("3.12"), the newest tested one for "any", or nothing.
find_python() {
    case $1 in
    any) set -- any 3.13 3.12 3.11 ;;
    *) set -- "$1" "$1" ;;
    esac
    wanted=$1
    shift
    # HOME may be missing (env -i, cron); the password file knows it too.
    pyenv=${PYENV_ROOT:-${HOME:-$(eval echo "~$(id -un)")}/.pyenv}
    for minor in "$@"; do
        first_that_runs "$minor" "python$minor" "$pyenv/versions/$minor".*/bin/python && return
    done
    first_that_runs "$wanted" python3 python || :
}

# Only running a candidate tells: the shims of pyenv answer for versions that are not switched on, too.
first_that_runs() {
    version=$1
    shift
    for candidate in "$@"; do
        found=$("$candidate" -c "$probe" "$version" 2>/dev/null) || continue
        [ -z "$found" ] || { echo "$found" && return; }
    done
    return 1
}

# Prints what find_python prints, or fails with a letter to whoever can install one.
require_python() {
    python=$(find_python "$1")
    if [ -z "$python" ] && ! command -v python3 >/dev/null && can_install; then
        debian_install python3 python3-venv
        python=$(find_python "$1")
    fi
    if [ -n "$python" ]; then
        echo "$python"
        return
    fi
    case $1 in any) asked="Python 3.11.5 or newer" ;; *) asked="Python $1 (3.11.5 or newer)" ;; esac
    complain "$asked was not found on PATH or under pyenv." \
        "python3 here is: $(python3 -V 2>&1 || :)" \
        "Install one (a newer release of the system, https://www.python.org/downloads/, pyenv, uv) and put it on PATH."
    return 1
}

can_install() {
    [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] && command -v apt-get >/dev/null
}

# The same names as in tests/browser/conftest.py.
has_chromium() {
    for candidate in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
        [ -z "$candidate" ] || ! command -v "$candidate" >/dev/null || return 0
    done
    return 1
}

debian_install() {
    complain "Installing $* with apt-get …"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -qq --yes --no-install-recommends "$@"; } >/dev/null
}

# Debian keeps what a virtual environment needs of the standard library in a package of its own.
require_venv_module() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    ! can_install || debian_install "$package" || :
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    complain "$1 cannot make virtual environments: its module ensurepip is missing." \
        "On Debian and Ubuntu: apt-get install $package"
    return 1
}

# use_venv NAME VERSION GROUP...: sets $venv to the environment $root/NAME, made from Python VERSION ("any" for the
# newest) with this package, editable, all its extras and the dependency groups. Says nothing when all is there.
use_venv() {
    venv=$root/$1
    version=$2
    shift 2
    is_ready "$@" || bring_up_to_date "$version" "$@" 9<"$root/pyproject.toml"
}

is_ready() {
    is_made || return
    for group in "$@"; do
        has_group "$group" || return
    done
}

# An environment knows its own place and its interpreter by their full paths: moved or upgraded, it is made anew.
is_made() {
    [ "$(cat "$venv/.made-from" 2>/dev/null)" = "$(origin)" ]
}

origin() {
    echo "$venv: $("$venv/bin/python" -V 2>&1)"
}

has_group() {
    [ "$(cat "$venv/.installed-$1" 2>/dev/null)" = "$(cksum <"$root/pyproject.toml")" ]
}

# File descriptor 9 is pyproject.toml: one installation at a time, where the system has flock (every Linux).
bring_up_to_date() {
    ! command -v flock >/dev/null || flock 9
    is_made || make_venv "$1" || return
    shift
    for group in "$@"; do
        has_group "$group" || install_group "$group" || return
    done
}

make_venv() {
    python=$(require_python "$1") && require_venv_module "$python" || return
    complain "Making ${venv#"$root"/} with $("$python" -V) …"
    # pip before 25.1 does not know --group.
    "$python" -m venv --clear "$venv" && pip_install --upgrade "pip>=25.1" && origin >"$venv/.made-from"
}

install_group() {
    complain "Installing the dependency group $1 into ${venv#"$root"/} …"
    pip_install --editable "$root[all]" --group "$root/pyproject.toml:$1" &&
        cksum <"$root/pyproject.toml" >"$venv/.installed-$1"
}

# Twice quiet: errors only.
pip_install() {
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check "$@" >&2
}
