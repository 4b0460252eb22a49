import type { ByteString } from '../byte-string.ts';
import { goFunction, goMethod, type GoFunction, type GoMethod, type MethodType } from '../function.ts';
import { quote } from '../quote.ts';
import { GoInt, GoObject, GoSlice, int, isObject, type GoValue } from '../values.ts';
import { parseConstraints, satisfies } from './semver-constraints.ts';
import { compareVersions, increment, parseVersion, versionText, withPart, type Version } from './semver-version.ts';

function uint64(value: bigint): GoInt {
  return new GoInt('uint64', value);
}

function bytes(text: ByteString): GoSlice {
  const elements = Array.from(text, (char) => new GoInt('uint8', BigInt(char.charCodeAt(0))));
  return new GoSlice('uint8', elements);
}

function getter(name: string, read: (version: Version) => GoValue): GoMethod<Version> {
  return goMethod({ name, params: [] }, (_, version: Version) => read(version));
}

function setter(name: string, part: 'prerelease' | 'metadata'): GoMethod<Version> {
  return goMethod(
    { name, params: ['string'] },
    (_, version: Version, text) => new GoObject(versionStruct, withPart(version, part, text)),
  );
}

const commonMethods: readonly GoMethod<Version>[] = [
  getter('Major', ({ major }) => uint64(major)),
  getter('Minor', ({ minor }) => uint64(minor)),
  getter('Patch', ({ patch }) => uint64(patch)),
  getter('Prerelease', ({ prerelease }) => prerelease),
  getter('Metadata', ({ metadata }) => metadata),
  getter('String', versionText),
  getter('IncMajor', (version) => new GoObject(versionStruct, increment(version, 'major'))),
  getter('IncMinor', (version) => new GoObject(versionStruct, increment(version, 'minor'))),
  getter('IncPatch', (version) => new GoObject(versionStruct, increment(version, 'patch'))),
  setter('SetPrerelease', 'prerelease'),
  setter('SetMetadata', 'metadata'),
  getter('MarshalText', (version) => bytes(versionText(version))),
  getter('MarshalJSON', (version) => bytes(quote(versionText(version)))),
  goMethod({ name: 'Value', params: [], result: 'interface {}' }, (_, version: Version) => versionText(version)),
];

function fields(version: Version): [string, GoValue][] {
  return [
    ['major', uint64(version.major)],
    ['minor', uint64(version.minor)],
    ['patch', uint64(version.patch)],
    ['pre', version.prerelease],
    ['metadata', version.metadata],
    ['original', version.original],
  ];
}

/** Type that the increments and setters return: a struct, which lacks the methods that Go declares on the pointer. */
const versionStruct: MethodType<Version> = {
  name: 'semver.Version',
  kind: 'struct',
  methods: new Map(commonMethods.map((method) => [method.name, method])),
  text: versionText,
  fields,
  equals: (a, b) => versionText(a) === versionText(b) && a.original === b.original,
};

const pointerMethods = new Map<string, GoMethod<Version>>();

/** Type that `semver` returns. */
const versionType: MethodType<Version> = {
  name: '*semver.Version',
  kind: 'ptr',
  methods: pointerMethods,
  text: versionText,
  fields,
};

function comparison(name: string, decide: (order: number) => GoValue): GoMethod<Version> {
  return goMethod({ name, params: [versionType] }, (context, version: Version, other) => {
    context.charge(version.prerelease.length >> 4);
    return decide(compareVersions(version, other.data));
  });
}

for (const method of [
  ...commonMethods,
  getter('Original', ({ original }) => original),
  comparison('Compare', int),
  comparison('Equal', (order) => order === 0),
  comparison('LessThan', (order) => order < 0),
  comparison('GreaterThan', (order) => order > 0),
]) {
  pointerMethods.set(method.name, method);
}

/** A version's text, of either type; undefined for anything else. */
export function versionTextOf(value: GoValue): ByteString | undefined {
  return isObject(value, versionType) || isObject(value, versionStruct) ? versionText(value.data) : undefined;
}

/** Copies an object as copystructure does. It cannot see the fields of a version, so that its copy is version 0.0.0. */
export function copyOfVersion(object: GoObject): GoObject {
  if (object.type !== versionType && object.type !== versionStruct) return object;
  const zero: Version = { major: 0n, minor: 0n, patch: 0n, prerelease: '', metadata: '', original: '' };
  return new GoObject(object.type, zero);
}

export const semverFunctions: readonly GoFunction[] = [
  goFunction({ name: 'semver', params: ['string'] }, (context, text) => {
    context.charge(text.length / 4);
    return new GoObject(versionType, parseVersion(text));
  }),
  goFunction({ name: 'semverCompare', params: ['string', 'string'] }, (context, constraint, text) => {
    context.charge(200 + 100 * constraint.length + text.length);
    const constraints = parseConstraints(constraint);
    return satisfies(parseVersion(text), constraints);
  }),
];
