import { mkdirSync } from 'node:fs';
import path from 'node:path';

/**
 * A root of its own with everything of the machine in it, and directories of the pod at the places that it names. It is gone
 * with the mount namespace, which the caller makes. Arguments: the root, pairs of a directory and its place, `--`, the
 * program.
 */
const becomeContainer = `
root=$1; shift
mount -t tmpfs container "$root"
for entry in /*; do
  case $entry in
    /opt | /workspace) ;;
    *)
      if [ -L "$entry" ]; then cp -P "$entry" "$root$entry"
      elif [ -d "$entry" ]; then mkdir "$root$entry" && mount --rbind "$entry" "$root$entry"
      fi ;;
  esac
done
while [ "$1" != -- ]; do
  mkdir -p "$root$2" && mount --bind "$1" "$root$2"
  shift 2
done
shift
exec chroot "$root" sh -c 'cd "$1" && shift && exec "$@"' sh "$PWD" "$@"`;

/**
 * The words that run a program as in a container, in a mount namespace that the words before them make.
 *
 * @param work a directory that exists, to make the root in.
 * @param mounts directories by the place where the pod mounts them, below /opt or /workspace.
 */
export function inContainer(work: string, mounts: Readonly<Record<string, string>>): readonly string[] {
  const root = path.join(work, 'root');
  mkdirSync(root, { recursive: true });
  const pairs = Object.entries(mounts).flatMap(([place, directory]) => [directory, place]);
  return ['sh', '-ec', becomeContainer, 'sh', root, ...pairs, '--'];
}
