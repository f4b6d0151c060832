#!/bin/sh
# Makes Debian's LLVM serve where CubeCL's build script would download its own, so that the feature `cuda` builds without a network.
#
# usage: offline-llvm.sh [--check | --remove]        (LLVM=/usr/lib/llvm-22 names another installation of LLVM)
#
# It makes the folder that the build script (tracel-llvm-bundler) looks for, with the marker that says "installed" and a
# `bin/llvm-config` that passes on to Debian's. --check only tells whether the folder is there and usable. A folder that holds a
# downloaded LLVM is left alone.
set -eu

# As in Cargo.lock: tracel-llvm-bundler's own version names the folder.
here=$(cd "$(dirname "$0")/.." && pwd)
version=$(sed -n '/^name = "tracel-llvm-bundler"$/{n;s/^version = "\(.*\)"$/\1/p;}' "$here/Cargo.lock")
[ -n "$version" ] || { echo "offline-llvm.sh: $here/Cargo.lock names no tracel-llvm-bundler" >&2; exit 1; }
prefix=${XDG_DATA_HOME:-$HOME/.local/share}/tracel/tracel-llvm-$version
marker=$prefix/.tracel-llvm-installed
config=$prefix/bin/llvm-config
packages="llvm-22-dev libpolly-22-dev zlib1g-dev libzstd-dev libxml2-dev libz3-dev"

# All libraries that the build script will ask for are there.
usable() {
    libdir=$("$config" --link-static --libdir) || return 1
    for library in $("$config" --link-static --libs); do
        [ -f "$libdir/lib${library#-l}.a" ] || { echo "offline-llvm.sh: $libdir/lib${library#-l}.a is missing" >&2; return 1; }
    done
}

case ${1:-} in
--check)
    [ -f "$marker" ] && usable || exit 1
    exit 0
    ;;
--remove)
    [ ! -f "$prefix/offline" ] || rm -rf "$prefix"
    exit 0
    ;;
'') ;;
*)
    sed -n '4p' "$0" >&2
    exit 2
    ;;
esac

if [ -f "$marker" ] && [ ! -f "$prefix/offline" ]; then
    echo "offline-llvm.sh: $prefix holds a downloaded LLVM already"
    exit 0
fi

llvm=${LLVM:-}
if [ -z "$llvm" ]; then
    for candidate in /usr/lib/llvm-23 /usr/lib/llvm-22; do
        [ -x "$candidate/bin/llvm-config" ] && { llvm=$candidate; break; }
    done
fi
if [ -z "$llvm" ] || [ ! -x "$llvm/bin/llvm-config" ]; then
    echo "offline-llvm.sh: no LLVM ${llvm:+in $llvm}; on Debian: apt-get install $packages" >&2
    exit 1
fi

mkdir -p "$prefix/bin"
: > "$prefix/offline"
# The build script takes the file name's stem of a library named by path (Debian's libz3.so), "libz3", and would then link -llibz3.
# One name at a time (the loop): neighbours share the space between them.
cat > "$config" <<WRAPPER
#!/bin/sh
'$llvm/bin/llvm-config' "\$@" | sed -E ':next
s#(^| )/[^ ]*/lib([^ /]+)\.(so|a)( |\$)#\1-l\2\4#
t next'
WRAPPER
chmod +x "$config"
usable || { echo "offline-llvm.sh: $llvm is not complete; on Debian: apt-get install $packages" >&2; rm -rf "$prefix"; exit 1; }
# Last, because the build script trusts the folder once it is there.
: > "$marker"
echo "offline-llvm.sh: $llvm ($("$config" --version)) serves as $prefix"
