import path from 'node:path';
import { classManifests, type ClassSpec } from '../classes/class-cases.ts';
import { repository } from '../deploy/manifests.ts';
import { formatted } from './formatted.ts';

interface CatalogueSpec extends ClassSpec {
  readonly params?: readonly { readonly name: string; readonly default?: string; readonly description: string }[];
  readonly auth: {
    readonly types: readonly {
      readonly name: string;
      readonly secretType: string;
      readonly params?: readonly { readonly name: string }[];
    }[];
  };
}

/** docs/classes.md. */
export const classesPage = path.join(repository, 'docs/classes.md');

const head = `# Classes

A Connector names one of these classes in \`spec.connectorClassName\`. [The class files](../deploy/chart/files/classes)
describe each param. Take the Connector of your tool from the [examples](../deploy/examples/connectors.yaml), create the Secret with the keys [below](#credentials-of-the-classes), give proxy and pod [their permissions](connectors.md#who-can-use-it), and name the Connector in a
[volume](volumes.md), with the [configuration](#configurations) of your program, if any. If none fits, try \`http\`, or [write one](writing-a-connectorclass.md).

Most classes deny known requests for further credentials, because a pod could use these without the proxy: access
tokens, robot accounts, tokens of registries. The class \`gitlab\` also denies \`POST /api/graphql\`, because
[rules](rules.md) cannot distinguish its changes from its queries.
`;

const example = `## An example

A private index of Python packages, for \`pip\` in pods of namespace \`ci\`:

\`\`\`yaml
apiVersion: connectors.alauda.io/v1alpha1
kind: Connector
metadata: { namespace: ci, name: pypi }
spec:
  connectorClassName: pypi
  address: https://pypi.example.com # of the index, without /simple
  auth: { secretRef: { name: pypi-login } } # type kubernetes.io/basic-auth, keys username and password
\`\`\`

\`\`\`yaml
volumes:
  - name: connectors
    csi:
      driver: connectors-csi
      readOnly: true
      volumeAttributes: { connectors: pypi, configuration.names: pipconf }
\`\`\`

The container mounts this volume at \`/opt/connectors\` and runs \`. /opt/connectors/activate && pip install PACKAGE\`.
`;

/** Keys of the Secret, for types whose class does not list them. */
const keysOfType: Readonly<Record<string, string>> = { 'kubernetes.io/basic-auth': '`username`, `password`' };

/** Returns the text of docs/classes.md. */
export async function classesText(): Promise<string> {
  const classes = classManifests().map(({ metadata, spec }) => ({
    name: metadata.name ?? '',
    purpose:
      (metadata as { annotations?: Readonly<Record<string, string>> }).annotations?.['cpaas.io/description'] ?? '',
    spec: spec as CatalogueSpec,
  }));
  const purposes = classes.map(({ name, purpose }) => [code([name]), purpose.replace(/\.$/, '')]);
  const auth = classes.flatMap(({ name, spec }) =>
    spec.auth.types.map(({ name: authName, secretType, params }) => {
      const keys = params?.map((param) => param.name);
      return {
        name,
        cells: [code([authName]), code([secretType]), keys ? code(keys) : (keysOfType[secretType] ?? '')],
      };
    }),
  );
  const configurations = classes.flatMap(({ name, spec }) =>
    spec.configurations.map(({ name: configuration, data, params = [] }) => ({
      name,
      cells: [
        code([configuration]),
        code(Object.keys(data).filter((file) => !file.endsWith('.environment'))),
        params.map((param) => `${code([param.name])}${param.default === undefined ? ' (required)' : ''}`).join(', '),
      ],
    })),
  );
  const ofConnectors = classes.flatMap(({ name, spec }) =>
    (spec.params ?? []).map(({ name: param, default: value = '', description }) => {
      return `- Class ${code([name])}, param ${code([param])} (default: ${value === '' ? 'none' : code([value])}). ${description}\n`;
    }),
  );
  const text = [
    head,
    table(['class', 'for'], purposes),
    example,
    '## Credentials of the classes\n',
    'A Connector selects one by `spec.auth.name`. Each class also takes [every other type](credentials.md#types) that the proxy knows, such as `kubernetes.io/dockerconfigjson`, without `spec.auth.name`. [Issued tokens](credentials.md#issued-tokens) lists the keys that are missing here.\n',
    table(['`spec.auth.name`', 'type of the Secret', 'keys of the Secret', 'classes'], merged(auth)),
    '## Params of Connectors\n',
    'A Connector sets these in [`spec.params`](connectors.md#params), and a volume cannot.\n',
    ofConnectors.join(''),
    '## Configurations\n',
    'A volume selects them and sets params by its [attributes](volumes.md#volume-attributes). Most also have variables by which programs find the files after [`activate`](volumes.md#activate).\n',
    table(['configuration', 'files', 'params', 'classes'], merged(configurations)),
    'Next: [writing a ConnectorClass](writing-a-connectorclass.md), for other tools.\n',
  ].join('\n');
  return formatted(classesPage, text);
}

function code(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(', ');
}

interface Row {
  readonly name: string;
  readonly cells: readonly string[];
}

/** Returns one row for equal cells, with the classes that have them at its end. */
function merged(rows: readonly Row[]): readonly (readonly string[])[] {
  const classesOf = new Map<string, { cells: readonly string[]; names: string[] }>();
  for (const { name, cells } of rows) {
    const key = cells.join('|');
    const entry = classesOf.get(key) ?? { cells, names: [] };
    entry.names.push(name);
    classesOf.set(key, entry);
  }
  return [...classesOf.values()].map(({ cells, names }) => [...cells, names.join(', ')]);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`);
  return lines.join('');
}
