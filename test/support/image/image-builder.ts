import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { arm64Libraries, arm64Loader, arm64Node, arm64Packages } from '../e2e/arm64.ts';
import { missingPrograms } from '../e2e/programs.ts';
import { repository } from '../deploy/manifests.ts';
import { hasManyIds } from '../user-ids.ts';

/**
 * Stands in for npm in the build stage, so that the build needs no registry: the packages are those that the repository
 * has installed already, with the native library of the processor that is asked for, and a script is run as npm would.
 */
const npm = `#!/bin/sh
set -eu
case "$1" in
  ci) rm -rf node_modules
    case "$*" in
      *--cpu=*) mkdir -p node_modules/@koromix
        cp -R "/repository-\${*##*--cpu=}/@koromix/koffi-linux-\${*##*--cpu=}" node_modules/@koromix/
        cp -R /repository/node_modules/koffi node_modules/ ;;
      *) ln -s /repository/node_modules node_modules ;;
    esac ;;
  run) for name in "$@"; do :; done
    exec sh -euc "$(node -p 'JSON.parse(fs.readFileSync("package.json", "utf8")).scripts[process.argv[1]]' "$name")" ;;
  *) echo "no stand-in for npm $1" >&2; exit 1 ;;
esac
`;

/** Programs that the Dockerfile's commands use, beside npm. */
const programs = ['node', 'sh', 'mkdir', 'cp', 'rm', 'ln'];

/** By the name that images have for it. */
export const ownArchitecture = process.arch === 'x64' ? 'amd64' : process.arch;
const baseName = 'localhost/node-base';

/** buildah with a storage of its own below `folder`; nothing of the machine's images is seen or touched. */
export class ImageBuilder {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-image-'));

  /** Whether there is a buildah that can build here; it needs chroot(2). */
  isAvailable(): boolean {
    return missingPrograms('buildah', 'netavark').length === 0 && process.getuid?.() === 0 && hasManyIds();
  }

  /**
   * Makes, of programs that are installed here, what stands in for an image of Node of these architectures.
   * @returns its name, which is the Dockerfile's argument.
   */
  makeBase(architectures: readonly string[]): string {
    const images = architectures.map((architecture) => {
      const base = path.join(this.#folder, 'base');
      if (architecture === ownArchitecture) collectOwnPrograms(base);
      else collectArm64(base);
      const recipe = path.join(this.#folder, 'Dockerfile.base');
      writeFileSync(recipe, 'FROM scratch\nCOPY . /\nENV PATH=/usr/bin\n');
      const name = `${baseName}-${architecture}`;
      const platform = ['--platform', `linux/${architecture}`];
      this.#buildah('bud', ['--isolation', 'chroot', ...platform, '--tag', name, '--file', recipe, base]);
      rmSync(base, { recursive: true });
      return name;
    });
    return this.list(baseName, images);
  }

  /** After `makeBase`: builds the repository's Dockerfile for an architecture. @returns the image's name. */
  build(architecture: string, name = 'localhost/connectors-csi'): string {
    const limits = ['-Hn', '-Hu'].map((flag) =>
      spawnSync('bash', ['-c', `ulimit ${flag}`], { encoding: 'utf8' }).stdout.trim(),
    );
    const image = `${name}-${architecture}`;
    const folders = { [path.join(repository, 'node_modules')]: '/repository/node_modules' };
    if (architecture !== ownArchitecture) folders[arm64Packages] = `/repository-${architecture}`;
    this.#buildah('bud', [
      ...['--isolation', 'chroot', '--build-arg', `NODE_IMAGE=${baseName}`],
      ...['--platform', `linux/${architecture}`, '--tag', image],
      // As docs/installation.md builds it, so that the same commit gives the same image.
      ...['--no-cache', '--timestamp', '1767225600'],
      // Without these buildah asks for limits that a container of a CI system may not have.
      ...['--ulimit', `nofile=${limits[0]!}:${limits[0]!}`, '--ulimit', `nproc=${limits[1]!}:${limits[1]!}`],
      ...Object.entries(folders).flatMap(([from, to]) => ['--volume', `${from}:${to}:ro`]),
      repository,
    ]);
    return image;
  }

  /** Makes a list of images, one for each architecture. @returns its name. */
  list(name: string, images: readonly string[]): string {
    this.#buildah('manifest', ['create', name, ...images]);
    return name;
  }

  /** Puts a list and its images into a registry. @returns its reference there, by digest. */
  push(list: string, repositoryAddress: string): string {
    const file = path.join(this.#folder, 'pushed-digest');
    const flags = ['--all', '--tls-verify=false', '--digestfile', file];
    this.#buildah('manifest', ['push', ...flags, list, `docker://${repositoryAddress}`]);
    return `${repositoryAddress}@${readFileSync(file, 'utf8').trim()}`;
  }

  /** The image's files as a folder, to look at and to chroot into. */
  mount(image: string): string {
    const container = this.#buildah('from', [image]).trim();
    return this.#buildah('mount', [container]).trim();
  }

  /** The image's configuration as OCI has it. */
  configuration(image: string): unknown {
    const { OCIv1 } = JSON.parse(this.#buildah('inspect', ['--type', 'image', image])) as {
      OCIv1: { config: unknown };
    };
    return OCIv1.config;
  }

  /** Of the image's manifest, which names those of its layers and of its configuration. */
  digest(image: string): string {
    const { FromImageDigest } = JSON.parse(this.#buildah('inspect', ['--type', 'image', image])) as {
      FromImageDigest: string;
    };
    return FromImageDigest;
  }

  sizeBytes(image: string): number {
    const [listed] = JSON.parse(this.#buildah('images', ['--json', image])) as [{ size: string }];
    return Number.parseFloat(listed.size) * (listed.size.includes('MB') ? 1e6 : 1e9);
  }

  remove(): void {
    spawnSync('buildah', [...this.#storage(), 'rm', '--all']);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #storage(): string[] {
    const at = (name: string): string => path.join(this.#folder, name);
    return ['--root', at('storage'), '--runroot', at('run'), '--storage-driver', 'vfs'];
  }

  #buildah(command: string, args: readonly string[]): string {
    const result = spawnSync('buildah', [...this.#storage(), command, ...args], { encoding: 'utf8' });
    if (result.status !== 0) throw new Error(`buildah ${command}: ${result.stdout}${result.stderr}`);
    return result.stdout;
  }
}

/** What the Dockerfile's commands run in. */
function collectOwnPrograms(base: string): void {
  for (const folder of ['usr/bin', 'tmp', 'root', 'etc']) mkdirSync(path.join(base, folder), { recursive: true });
  symlinkSync('usr/bin', path.join(base, 'bin'));
  for (const program of programs) copyProgram(program, base);
  writeFileSync(path.join(base, 'usr/bin/npm'), npm, { mode: 0o755 });
}

/** Node for arm64 where the own one lies, and the libraries at their places in Debian. Nothing of it is run. */
function collectArm64(base: string): void {
  mkdirSync(path.join(base, 'usr/bin'), { recursive: true });
  copyFileSync(arm64Node, path.join(base, 'usr/bin/node'));
  cpSync(arm64Libraries, path.join(base, 'lib/aarch64-linux-gnu'), { recursive: true, verbatimSymlinks: true });
  copyFileSync(arm64Loader, path.join(base, 'lib', path.basename(arm64Loader)));
}

/** Copies a program of this machine and the libraries that it is linked to. */
function copyProgram(name: string, base: string): void {
  const found = spawnSync('sh', ['-c', `readlink -f "$(command -v ${name})"`], { encoding: 'utf8' }).stdout.trim();
  copyFileSync(found, path.join(base, 'usr/bin', name));
  const { stdout } = spawnSync('ldd', [found], { encoding: 'utf8' });
  for (const [library] of stdout.matchAll(/\/\S+/g)) {
    const target = path.join(base, library);
    if (existsSync(target)) continue;
    mkdirSync(path.dirname(target), { recursive: true });
    copyFileSync(library, target);
  }
}
