import { formatted } from '../docs/formatted.ts';
import { renderText, type Values } from './helm.ts';

/** The oldest version that has all policies of the chart's defaults. */
const kubeVersion = '1.30';
const origin = `Rendered from deploy/chart by \`npm run generate:manifests\`; changes here get lost.`;

const program: Values = { namespace: { create: true }, crds: { enabled: false }, classes: { enabled: false } };
const proxy: Values = { enabled: true };
/** Values by file; for files that are a part of what is rendered, the line of that part's objects. */
const files: Readonly<Record<string, { readonly values: Values; readonly line?: RegExp; readonly about: string }>> = {
  crds: {
    values: { proxy },
    line: /^# Source: .*\/crds\.yaml$/m,
    about:
      'The CRDs of the Connectors system, and permissions on them. Apply them first, where there is no such system.',
  },
  driver: {
    values: program,
    about: `The driver, for Kubernetes ${kubeVersion} and later, and a Connectors system that exists.`,
  },
  standalone: {
    values: { ...program, proxy },
    about: `Driver and proxy, for Kubernetes ${kubeVersion} and later without a Connectors system. crds.yaml comes before it.`,
  },
  classes: {
    values: { proxy },
    line: /^kind: ConnectorClass$/m,
    about: 'A ConnectorClass for each kind of tool. Apply them last, where there is no Connectors system.',
  },
};

/** The files of deploy/manifests, by path from the repository's root. */
export async function renderedFiles(helm?: string): Promise<ReadonlyMap<string, string>> {
  const rendering = Object.entries(files).map(async ([name, { values, line, about }]) => {
    const text = await renderText(values, { kubeVersion, ...(helm === undefined ? {} : { helm }) });
    const parts = text.split(/^---\n/m).filter((part) => part.trim() !== '');
    const own = parts.filter((part) => line === undefined || line.test(part));
    // Helm names the template of each object, which is of no use to a reader of the file.
    const documents = own.map((part) => part.replace(/^# Source: .*\n/, ''));
    const whole = `# ${about}\n# ${origin}\n${documents.join('---\n')}`;
    const file = `deploy/manifests/${name}.yaml`;
    return [file, await formatted(file, whole)] as const;
  });
  return new Map(await Promise.all(rendering));
}
