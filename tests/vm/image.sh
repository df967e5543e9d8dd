# bash tests/vm/image.sh BUILD KERNEL PLAN OUT: an initramfs with the build tree and the
# tests at their own paths, so that the commands of the plan run unchanged.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/cmake/packages.sh"
build=$1 kernel=$2 plan=$3 out=$4

# What the tests use and a cloud kernel has as modules.
modules=(veth 8021q dummy ifb tun vxlan loop null_blk sch_ingress cls_bpf act_bpf sch_fq
  tcp_dctcp nf_defrag_ipv4 nf_defrag_ipv6 nf_conntrack nf_tables)
programs=(ip tc luajit tmux)
# Their commands are copied too: busybox's shell runs its own echo, true and ip without an
# exec, which is not what the tests look for. busybox fills in the rest.
packages=(bash coreutils dash findutils grep hostname libc-bin mount procps sed util-linux)
# Debug information of the compiler alone is larger than the machine.
strip_above_mb=20

stage=$(mktemp -d -- "$out.XXXXXX")
trap 'rm -rf -- "$stage"' EXIT
chmod 755 -- "$stage"   # it becomes /, which every user may enter

mkdir -p -- "$stage$build" "$stage"/{usr/{bin,sbin,lib,lib64},proc,sys,dev,tmp,run,root,etc,vm,boot,var/cache,mnt}
for directory in bin sbin lib lib64; do ln -s -- "usr/$directory" "$stage/$directory"; done

copy_tree() {   # copy_tree PATH...: to the same place in the image
  local path
  for path; do
    [[ -e $path ]] || continue
    mkdir -p -- "$stage${path%/*}"
    cp -a -- "$path" "$stage${path%/*}/"
  done
}

copy_tree "$root"/{tests,lua,scripts,examples,bpf_templates,docs,README.md} "$build"/{bin,lib,share} \
  /usr/share/lua/5.1 /usr/share/luajit-2.1* /usr/lib/x86_64-linux-gnu/lua/5.1 \
  /usr/include/bpf /usr/lib/terminfo /lib/terminfo /usr/lib/locale/C.utf8 /etc/ld.so.cache
find "$stage$build" -type f -size "+${strip_above_mb}M" -print0 |
  xargs -0 -r -n 1 strip --strip-debug
find "$stage$build" -name '*.a' -delete

{
  dpkg-query -L "${packages[@]}" 2>/dev/null | grep -E '^(/usr)?/s?bin/[^/]+$' || true
  for program in "${programs[@]}"; do
    command -v "$program" || echo "vm: no $program on this machine" >&2
  done
} | while read -r path; do
  [[ ! -x $path ]] || cp -L -- "$path" "$stage/usr/${path#/usr/}"
done
ln -sf -- dash "$stage/usr/bin/sh"
cp -- "$(command -v busybox)" "$stage/usr/bin/busybox"
"$stage/usr/bin/busybox" --list | while read -r applet; do
  [[ -e $stage/usr/bin/$applet || -e $stage/usr/sbin/$applet ]] ||
    ln -s busybox "$stage/usr/bin/$applet"
done

# The shared libraries of all that, the loader included.
find "$stage"/usr/{bin,sbin,lib} "$stage$build" -type f \( -perm -u+x -o -name '*.so' \) -print0 |
  { xargs -0 ldd 2>/dev/null || true; } |   # it fails for scripts and static programs
  grep -oE '(=> |^\s+)/[^ ]+' | sed -E 's/^(=> |\s+)//' | sort -u | while read -r library; do
    [[ $library == "$stage"/* || $library == "$build"/* ]] && continue
    mkdir -p -- "$stage${library%/*}"
    cp -L -- "$library" "$stage$library"
  done

# The modules in an order in which each finds the ones that it needs.
release=$(ls "$kernel/lib/modules")
: >"$stage/vm/modules"
for module in "${modules[@]}"; do
  line=$(grep -E "(^|/)$module\.ko:" "$kernel/lib/modules/$release/modules.dep") || continue
  # "a.ko: b.ko c.ko": a needs b, b needs c
  tr -d ':' <<<"$line" | tr ' ' '\n' | grep . | tac
done | awk '!seen[$0]++' | while read -r file; do
  path=/lib/modules/$release/$file
  mkdir -p -- "$stage${path%/*}"
  cp -- "$kernel$path" "$stage$path"
  printf '%s\n' "$path" >>"$stage/vm/modules"
done

cp -- "$kernel/config" "$stage/boot/config-$release"
cp -- "$plan" "$stage/vm/plan"
install -m 755 -- "$root/tests/vm/init" "$stage/init"
printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$stage/etc/passwd"
printf 'root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n' >"$stage/etc/group"
printf '127.0.0.1 localhost vm\n::1 localhost\n' >"$stage/etc/hosts"
printf 'passwd: files\ngroup: files\nhosts: files\n' >"$stage/etc/nsswitch.conf"

# /init needs its commands and libc, or the kernel would panic without a word.
[[ -x $stage/usr/bin/busybox && -x $stage/usr/bin/dash &&
  -e $stage/lib64/ld-linux-x86-64.so.2 ]] ||
  die "the image has no busybox or no dynamic loader"
printf 'vm: image of %s MB\n' "$(du -sm -- "$stage" | cut -f1)" >&2
# Uncompressed: an emulated processor takes as long to decompress it as to read it whole.
(cd -- "$stage" && find . -print0 | cpio --quiet -0 -o -H newc -R 0:0) >"$out"
