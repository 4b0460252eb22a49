// `node runtime.mjs ROOT NODE TARGET` copies the Node of an image, its shared libraries and their licences from the
// image's files below ROOT to TARGET. Node goes to usr/local/bin, the libraries keep their paths. NODE is Node's path
// in the image. It reads the same data as the loader and runs nothing, so the image can be for another processor.
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';

/** Processor numbers of ELF, and their names in Debian's library folders. */
const processors = new Map([
  [62, 'x86_64'],
  [183, 'aarch64'],
]);
const segments = { load: 1, dynamic: 2, interpreter: 3 };
const entries = { needed: 1, strings: 5, rpath: 15, runpath: 29 };
const maxLinks = 40;

/**
 * @param root folder with an image's files.
 * @param file path in the image. @returns the path of the file on this machine, existing or not. Links are resolved in
 * the image.
 */
function placeIn(root, file, links = maxLinks) {
  let place = root;
  const names = path.posix.normalize(file).split('/').filter(Boolean);
  for (const [index, name] of names.entries()) {
    const next = path.join(place, name);
    if (lstatSync(next, { throwIfNoEntry: false })?.isSymbolicLink() !== true) {
      place = next;
      continue;
    }
    if (links === 0) throw new Error(`${file} is a link that leads to itself`);
    const folder = `/${path.relative(root, place)}`;
    return placeIn(root, path.posix.resolve(folder, readlinkSync(next), ...names.slice(index + 1)), links - 1);
  }
  return place;
}

/** @returns what the loader reads of a program or library: {processor, interpreter, needed, folders}. */
function linkage(file) {
  const bytes = readFileSync(file);
  if (bytes.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') throw new Error(`${file} is no program of 64 bits`);
  const number = (at) => Number(bytes.readBigUInt64LE(at));
  const text = (at) => bytes.toString('utf8', at, bytes.indexOf(0, at));
  const headers = Array.from({ length: bytes.readUInt16LE(56) }, (_, index) => {
    const at = number(32) + index * bytes.readUInt16LE(54);
    const [offset, address, size] = [8, 16, 32].map((field) => number(at + field));
    return { type: bytes.readUInt32LE(at), offset, address, size };
  });
  const offsetOf = (address) => {
    const holds = (header) => header.type === segments.load && address - header.address < header.size;
    const header = headers.findLast((header) => holds(header) && address >= header.address);
    return header.offset + address - header.address;
  };
  const ofType = (type) => headers.find((header) => header.type === type);
  const dynamic = ofType(segments.dynamic) ?? { offset: 0, size: 0 };
  const all = Array.from({ length: dynamic.size / 16 }, (_, index) => dynamic.offset + index * 16);
  const valuesOf = (tag) => all.filter((at) => number(at) === tag).map((at) => number(at + 8));
  const [strings = 0] = valuesOf(entries.strings);
  const textsOf = (tag) => valuesOf(tag).map((value) => text(offsetOf(strings) + value));
  const interpreter = ofType(segments.interpreter);
  return {
    processor: bytes.readUInt16LE(18),
    interpreter: interpreter && text(interpreter.offset),
    needed: textsOf(entries.needed),
    folders: [...textsOf(entries.rpath), ...textsOf(entries.runpath)].flatMap((folders) => folders.split(':')),
  };
}

/** Returns the default folders of the loaders of glibc and musl. The new image has no loader configuration. */
function usualFolders(processor) {
  const debian = `${processors.get(processor)}-linux-gnu`;
  return [`/lib/${debian}`, `/usr/lib/${debian}`, '/lib64', '/usr/lib64', '/lib', '/usr/local/lib', '/usr/lib'];
}

/**
 * @returns the paths in the image of the loader and of every direct or indirect library of a program.
 * @throws if a library for the program's processor is missing.
 */
function librariesOf(root, program) {
  const { processor, interpreter } = linkage(placeIn(root, program));
  if (interpreter === undefined) return [];
  const found = new Map([[path.basename(interpreter), interpreter]]);
  const isFor = (file) => existsSync(placeIn(root, file)) && linkage(placeIn(root, file)).processor === processor;
  const search = (file) => {
    const { needed, folders } = linkage(placeIn(root, file));
    const own = folders.map((folder) => folder.replace(/\$ORIGIN|\$\{ORIGIN\}/g, path.dirname(file)));
    for (const name of needed.filter((name) => !found.has(name))) {
      const library = [...own, ...usualFolders(processor)].map((folder) => path.join(folder, name)).find(isFor);
      if (library === undefined) throw new Error(`${file} needs ${name}, which the image does not have`);
      found.set(name, library);
      search(library);
    }
  };
  search(program);
  return [...found.values()];
}

/** @returns the Debian packages that contain the files, if the image has any. */
function packagesOf(root, files) {
  const lists = placeIn(root, '/var/lib/dpkg/info');
  if (!existsSync(lists)) return [];
  const real = files.map((file) => `/${path.relative(root, placeIn(root, file))}`);
  // Packages from before /lib became a link to /usr/lib list their files in /lib.
  const names = new Set([...real, ...real.map((file) => file.replace(/^\/usr\//, '/'))]);
  const isOwner = (list) =>
    readFileSync(path.join(lists, list), 'utf8')
      .split('\n')
      .some((line) => names.has(line));
  const owners = readdirSync(lists).filter((list) => list.endsWith('.list') && isOwner(list));
  return [...new Set(owners.map((list) => list.split(/:|\.list$/)[0]))];
}

function copyRuntime(root, node, target) {
  const libraries = librariesOf(root, node);
  const licences = path.join(target, 'usr/share/licenses');
  const copies = libraries.map((file) => [file, path.join(target, file)]);
  copies.push([node, path.join(target, 'usr/local/bin/node')]);
  // Node's own licence, if it exists, is next to its prefix.
  const licence = path.join(path.dirname(path.dirname(node)), 'LICENSE');
  if (existsSync(placeIn(root, licence))) copies.push([licence, path.join(licences, 'node/LICENSE')]);
  for (const name of packagesOf(root, libraries)) {
    copies.push([`/usr/share/doc/${name}/copyright`, path.join(licences, name, 'copyright')]);
  }
  for (const [from, to] of copies) {
    mkdirSync(path.dirname(to), { recursive: true });
    cpSync(placeIn(root, from), to);
  }
}

const [root, node, target] = process.argv.slice(2);
copyRuntime(path.resolve(root), node, target);
