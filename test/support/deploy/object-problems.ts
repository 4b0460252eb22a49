import { kinds } from './kinds.ts';
import { crdsFolder, manifestFiles, readManifests, type Manifest } from './manifests.ts';
import { structureProblems, type Structure } from './structure.ts';

/** What an API server would refuse about `object`, each problem with the object's name before it. */
export function objectProblems(object: Manifest): string[] {
  const key = `${object.apiVersion} ${object.kind}`;
  const structure = kinds[key] ?? customKinds().get(key);
  const name = `${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name ?? object.metadata.generateName ?? '?'}`;
  if (!structure) return [`${name}: nobody knows the kind ${key}`];
  return structureProblems(structure, object).map((problem) => `${name}: ${problem}`);
}

let cached: ReadonlyMap<string, Structure> | undefined;

/** Our own kinds, by `apiVersion kind`, from the CRDs of the chart. */
export function customKinds(): ReadonlyMap<string, Structure> {
  cached ??= new Map(
    manifestFiles(crdsFolder)
      .flatMap(readManifests)
      .filter(({ kind }) => kind === 'CustomResourceDefinition')
      .map(definition),
  );
  return cached;
}

function definition(crd: Manifest): [string, Structure] {
  // Checked as a CustomResourceDefinition by its own tests; a wrong shape ends here with a TypeError.
  const spec = crd['spec'] as {
    group: string;
    names: { kind: string };
    versions: [{ name: string; schema: { openAPIV3Schema: Structure } }];
  };
  const [version] = spec.versions;
  return [`${spec.group}/${version.name} ${spec.names.kind}`, version.schema.openAPIV3Schema];
}
