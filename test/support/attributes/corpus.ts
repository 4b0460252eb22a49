/** A block of `volumeAttributes` as people write it, of a pod in namespace ci. */
interface AttributeBlock {
  /** What is particular about it. */
  readonly what: string;
  readonly block: Readonly<Record<string, string>>;
}

export interface RefusedBlock extends AttributeBlock {
  /** Each is in the one message. */
  readonly says: readonly RegExp[];
  /** Only a connector's class or an operator's flag makes it wrong; nobody can tell from the block alone. */
  readonly needsCluster?: boolean;
  /** Whether items are compared, which no JSON Schema can. */
  readonly needsComparison?: boolean;
}

const long = (bytes: number): string => 'a'.repeat(bytes);

/** In the shapes of the original system's guides, and what tools make of them. */
export const acceptedBlocks: readonly AttributeBlock[] = [
  { what: 'one connector of the pod’s namespace', block: { connectors: 'oci' } },
  { what: 'one connector of another namespace', block: { connectors: 'tools/harbor' } },
  { what: 'two connectors', block: { connectors: 'oci,tools/harbor' } },
  { what: 'white space around items', block: { connectors: ' oci , tools/harbor ' } },
  { what: 'a list over several lines', block: { connectors: 'oci,\ntools/harbor,\ngit\n' } },
  { what: 'a comma at the end', block: { connectors: 'oci,tools/harbor,' } },
  { what: 'a comma and a blank at the end', block: { connectors: 'oci, ' } },
  { what: 'a name with dots', block: { connectors: 'git.internal' } },
  { what: 'the deprecated form', block: { 'connector.name': 'oci' } },
  {
    what: 'the deprecated form with a namespace',
    block: { 'connector.name': 'harbor', 'connector.namespace': 'tools' },
  },
  { what: 'an empty namespace', block: { 'connector.name': 'oci', 'connector.namespace': '' } },
  { what: 'a blank namespace', block: { 'connector.name': 'oci', 'connector.namespace': '  ' } },
  {
    what: 'an empty namespace with a configuration',
    block: { 'connector.name': 'git', 'connector.namespace': '', 'configuration.names': 'gitconfig' },
  },
  {
    what: 'an empty namespace with params',
    block: {
      'connector.name': 'maven',
      'connector.namespace': '',
      'configuration.names': 'settings',
      'configuration.params': '{"settings": {"useAsMirror": "true"}}',
    },
  },
  { what: 'an empty name beside the list', block: { connectors: 'oci', 'connector.name': '' } },
  {
    what: 'the deprecated form empty beside the list',
    block: { connectors: 'oci', 'connector.name': '', 'connector.namespace': '' },
  },
  { what: 'an empty list beside the name', block: { connectors: '', 'connector.name': 'oci' } },
  {
    what: 'everything that a workspace left unset',
    block: {
      connectors: 'oci',
      'connector.name': '',
      'connector.namespace': '',
      'configuration.names': '',
      'configuration.params': '',
      'token.expiration': '',
    },
  },
  { what: 'no configuration', block: { connectors: 'oci', 'configuration.names': '' } },
  { what: 'a registry’s configuration', block: { connectors: 'oci', 'configuration.names': 'registry-config' } },
  { what: 'its older name', block: { connectors: 'oci', 'configuration.names': 'docker-config' } },
  { what: 'a build daemon’s configuration', block: { connectors: 'oci', 'configuration.names': 'buildkitd' } },
  {
    what: 'two configurations',
    block: { connectors: 'oci', 'configuration.names': 'registry-config,buildkitd' },
  },
  {
    what: 'two configurations with blanks',
    block: { connectors: 'oci', 'configuration.names': 'registry-config, buildkitd' },
  },
  {
    what: 'a configuration and a comma',
    block: { connectors: 'oci', 'configuration.names': 'registry-config,' },
  },
  {
    what: 'the harbor client’s configuration',
    block: { 'connector.name': 'harbor', 'connector.namespace': 'tools', 'configuration.names': 'harbor-cli-config' },
  },
  {
    what: 'the harbor client’s older name',
    block: { connectors: 'tools/harbor', 'configuration.names': 'config' },
  },
  {
    what: 'a configuration of one of two classes',
    block: { connectors: 'oci,git', 'configuration.names': 'gitconfig' },
  },
  {
    what: 'configurations of two classes',
    block: { connectors: 'git,maven', 'configuration.names': 'gitconfig,settings' },
  },
  {
    what: 'a configuration that only some class has beside one that none has',
    block: { connectors: 'git', 'configuration.names': 'gitconfig,buildkitd' },
  },
  { what: 'a git configuration', block: { connectors: 'git', 'configuration.names': 'gitconfig' } },
  {
    what: 'the GitHub client’s',
    block: { connectors: 'github', 'configuration.names': 'githubconfig,gitconfig' },
  },
  { what: 'the GitLab client’s', block: { connectors: 'gitlab', 'configuration.names': 'gitlabconfig' } },
  { what: 'Maven’s', block: { connectors: 'maven', 'configuration.names': 'settings' } },
  { what: 'npm’s', block: { connectors: 'npm', 'configuration.names': 'npmrc' } },
  { what: 'Yarn’s', block: { connectors: 'npm', 'configuration.names': 'yarnrc' } },
  { what: 'pip’s', block: { connectors: 'pypi', 'configuration.names': 'pipconf' } },
  { what: 'twine’s', block: { connectors: 'pypi', 'configuration.names': 'pypirc' } },
  { what: 'kubectl’s', block: { connectors: 'k8s', 'configuration.names': 'kubeconfig' } },
  { what: 'the Sonar scanner’s', block: { connectors: 'sonarqube', 'configuration.names': 'sonar-scanner' } },
  { what: 'Nexus for Maven', block: { connectors: 'nexus', 'configuration.names': 'settings' } },
  { what: 'Nexus for npm and pip', block: { connectors: 'nexus', 'configuration.names': 'npmrc,pipconf' } },
  {
    what: 'params of a class that declares none',
    block: {
      connectors: 'jfrog',
      'configuration.names': 'settings',
      'configuration.params':
        '{"settings": {"mirrorRepository": "maven-all", "registry": ["releases", "snapshots"], "labels": {"a": "b"}}}',
    },
  },
  {
    what: 'params over several lines',
    block: {
      'connector.name': 'jfrog',
      'connector.namespace': '',
      'configuration.names': 'npmrc',
      'configuration.params': '{\n  "npmrc": {\n    "registry": "npm-all"\n  }\n}\n',
    },
  },
  {
    what: 'params of a configuration that is not selected',
    block: { connectors: 'maven', 'configuration.params': '{"settings": {"useAsMirror": "true"}}' },
  },
  { what: 'empty params', block: { connectors: 'oci', 'configuration.params': '{}' } },
  { what: 'blank params', block: { connectors: 'oci', 'configuration.params': ' \n ' } },
  {
    what: 'a list param',
    block: {
      connectors: 'npm',
      'configuration.names': 'npmrc',
      'configuration.params': '{"npmrc": {"scopes": ["@team", "@shared"]}}',
    },
  },
  {
    what: 'a variable in a param that is text',
    block: {
      connectors: 'jfrog',
      'configuration.names': 'npmrc',
      'configuration.params': '{"npmrc": {"registry": "$(params.registry)"}}',
    },
  },
  { what: 'a file left out', block: { connectors: 'oci', 'configuration.names': '!ca.cert' } },
  {
    what: 'all of one kind left out',
    block: { connectors: 'oci', 'configuration.names': '!.env,!http.proxy,!https.proxy' },
  },
  {
    what: 'a configuration with files left out',
    block: { connectors: 'oci', 'configuration.names': 'registry-config,!ca.cert,!ca.crt' },
  },
  { what: 'a blank after the mark', block: { connectors: 'oci', 'configuration.names': 'registry-config, ! ca.cert' } },
  { what: 'a file left out that is not there', block: { connectors: 'oci', 'configuration.names': '!settings.xml' } },
  { what: 'half an hour', block: { connectors: 'oci', 'token.expiration': '30m' } },
  { what: 'half an hour as Go prints it', block: { connectors: 'oci', 'token.expiration': '30m0s' } },
  { what: 'half an hour in seconds', block: { connectors: 'oci', 'token.expiration': '1800s' } },
  { what: 'an hour', block: { connectors: 'oci', 'token.expiration': '1h' } },
  { what: 'an hour and a half', block: { connectors: 'oci', 'token.expiration': '1h30m' } },
  { what: 'ten minutes', block: { connectors: 'oci', 'token.expiration': '10m' } },
  { what: 'a day', block: { connectors: 'oci', 'token.expiration': '24h' } },
  { what: 'blanks around a lifetime', block: { connectors: 'oci', 'token.expiration': ' 1h ' } },
  { what: 'hours and a half', block: { connectors: 'oci', 'token.expiration': '1.5h' } },
  { what: 'ten minutes in milliseconds', block: { connectors: 'oci', 'token.expiration': '600000ms' } },
  { what: 'a day in minutes', block: { connectors: 'oci', 'token.expiration': '1440m' } },
  { what: 'nearly a day', block: { connectors: 'oci', 'token.expiration': '23h59m59s' } },
  { what: 'a blank that is not ASCII', block: { connectors: 'oci,\u00a0tools/harbor\u3000' } },
  {
    what: 'deep params of a configuration that is not selected',
    block: {
      connectors: 'oci',
      'configuration.params': '{"x": {"a": {"b": [{"c": ["}", 1.5e3, null]}, []]}, "d": true}}',
    },
  },
  {
    what: 'params with numbers of every form',
    block: { connectors: 'oci', 'configuration.params': '{"x": {"a": -0, "b": 1.5e-3, "c": 2E+7, "d": [10e0, -4]}}' },
  },
  {
    what: 'params with escapes',
    block: { connectors: 'oci', 'configuration.params': '{"x": {"a\\"}{\\u00e9": "\\\\"}}' },
  },
  {
    what: 'all of it at once',
    block: {
      connectors: 'oci, tools/harbor, git',
      'configuration.names': 'registry-config, gitconfig, !ca.cert',
      'configuration.params': '{"gitconfig": {}}',
      'token.expiration': '45m',
    },
  },
  { what: '32 connectors', block: { connectors: Array.from({ length: 32 }, (_, index) => `many-${index}`).join(',') } },
  { what: 'what the kubelet adds', block: { connectors: 'oci', 'csi.storage.k8s.io/anything': 'x' } },
];

/** What is refused, and what the author is told. */
export const refusedBlocks: readonly RefusedBlock[] = [
  { what: 'nothing', block: {}, says: [/attribute "connectors" is missing: name at least one connector/] },
  { what: 'only empty ones', block: { connectors: '', 'connector.name': ' ' }, says: [/"connectors" is missing/] },
  { what: 'a namespace alone', block: { 'connector.namespace': 'tools' }, says: [/"connectors" is missing/] },
  {
    what: 'both forms',
    block: { connectors: 'oci', 'connector.name': 'oci' },
    says: [/"connectors" and "connector\.name" name the same thing: keep "connectors"/],
  },
  {
    what: 'the list and a namespace',
    block: { connectors: 'oci', 'connector.namespace': 'tools' },
    says: [/keep "connectors" and drop the other/],
  },
  {
    what: 'camel case',
    block: { connectorName: 'oci', connectorNamespace: 'tools' },
    says: [
      /unknown attribute "connectorName": allowed are /,
      /unknown attribute "connectorNamespace": allowed are /,
      /"connectors" is missing/,
    ],
  },
  {
    what: 'the singular',
    block: { connector: 'oci' },
    says: [/unknown attribute "connector": allowed are /],
  },
  {
    what: 'half a name',
    block: { connectors: 'oci', configuration: 'registry-config' },
    says: [/unknown attribute "configuration": allowed are /],
  },
  {
    what: 'a slip',
    block: { conectors: 'oci' },
    says: [/"conectors": allowed are /],
  },
  {
    what: 'a singular beside the list',
    block: { connectors: 'oci', 'configuration.name': 'registry-config' },
    says: [/"configuration\.name": allowed are /],
  },
  {
    what: 'snake case',
    block: { connectors: 'oci', token_expiration: '1h' },
    says: [/"token_expiration": allowed are /],
  },
  {
    what: 'capitals',
    block: { Connectors: 'oci' },
    says: [/"Connectors": allowed are /],
  },
  {
    what: 'something else altogether',
    block: { connectors: 'oci', secretName: 'x' },
    says: [/unknown attribute "secretName": allowed are connectors, connector\.name/],
  },
  { what: 'an empty item', block: { connectors: 'oci,,git' }, says: [/"oci,,git" has an empty item/] },
  { what: 'two commas at the end', block: { connectors: 'oci,,' }, says: [/has an empty item/] },
  { what: 'only commas', block: { connectors: ',' }, says: [/has an empty item/] },
  { what: 'a comma at the start', block: { connectors: ',oci' }, says: [/has an empty item/] },
  {
    what: 'a connector twice',
    block: { connectors: 'oci,ci/oci' },
    says: [/names "ci\/oci" twice/],
    needsComparison: true,
  },
  { what: 'two names in the deprecated form', block: { 'connector.name': 'oci,git' }, says: [/"oci,git": the name/] },
  { what: 'a namespace in the deprecated name', block: { 'connector.name': 'tools/harbor' }, says: [/DNS-1123 name/] },
  {
    what: 'a namespace of 64 letters',
    block: { connectors: `oci,${long(64)}/oci` },
    says: [/the namespace must be at most 63 characters/],
  },
  { what: 'a name of 254 letters', block: { connectors: long(254) }, says: [/must be at most 253 characters/] },
  {
    what: 'a name of 254 letters in the deprecated form',
    block: { 'connector.name': long(254) },
    says: [/must be at most 253 characters/],
  },
  {
    what: 'a configuration of 254 letters',
    block: { connectors: 'oci', 'configuration.names': long(254) },
    says: [/only letters, digits, "-", "." and "_" are allowed, at most 253/],
  },
  { what: 'a capital letter', block: { connectors: 'OCI' }, says: [/item "OCI": the name must be a DNS-1123 name/] },
  { what: 'a name and a namespace swapped by a colon', block: { connectors: 'tools:harbor' }, says: [/DNS-1123/] },
  { what: 'an address', block: { connectors: 'https://harbor.example' }, says: [/DNS-1123/] },
  { what: 'a blank between names', block: { connectors: 'oci git' }, says: [/item "oci git": the name must be/] },
  { what: 'an empty namespace in the list', block: { connectors: '/oci' }, says: [/the namespace must not be empty/] },
  {
    what: 'a namespace of capitals',
    block: { 'connector.name': 'oci', 'connector.namespace': 'Tools' },
    says: [/DNS-1123 label/],
  },
  {
    what: '33 connectors',
    block: { connectors: Array.from({ length: 33 }, (_, index) => `many-${index}`).join(',') },
    says: [/names over 32 connectors: use fewer/],
  },
  {
    what: 'a workspace’s variable',
    block: { connectors: '$(params.connector)' },
    says: [
      /"connectors" still holds "\$\(params\.connector\)": Tekton substitutes variables in the volumes of a Task, but not in the csi of a workspace/,
    ],
  },
  {
    what: 'a workspace’s variable in each',
    block: {
      'connector.name': '$(params.name)',
      'configuration.names': '$(params.names)',
      'configuration.params': '$(params.params)',
      'token.expiration': '$(params.expiration)',
    },
    says: [
      /"connector\.name" still holds "\$\(params\.name\)"/,
      /"configuration\.names" still holds "\$\(params\.names\)"/,
      /"configuration\.params" still holds "\$\(params\.params\)"/,
      /"token\.expiration" still holds "\$\(params\.expiration\)"/,
    ],
  },
  {
    what: 'a configuration’s name with a path',
    block: { connectors: 'oci', 'configuration.names': 'oci/config' },
    says: [/item "oci\/config": only letters, digits/],
  },
  {
    what: 'a mark without a file',
    block: { connectors: 'oci', 'configuration.names': 'registry-config,!' },
    says: [/has an empty item: allowed are configuration names and !FILE/],
  },
  {
    what: 'params in YAML',
    block: { connectors: 'maven', 'configuration.params': 'settings: {useAsMirror: "true"}' },
    says: [/"configuration\.params" is not valid JSON; it must be a JSON object \{"CONFIGURATION"/],
  },
  {
    what: 'params of no configuration',
    block: { connectors: 'maven', 'configuration.params': '{"useAsMirror": "true"}' },
    says: [/the value of "useAsMirror" must be an object \{"PARAM": value\}/],
  },
  {
    what: 'params as a list',
    block: { connectors: 'maven', 'configuration.params': '[{"name": "useAsMirror"}]' },
    says: [/must be a JSON object/],
  },
  ...[
    ['with a comma at the end', '{"settings": {"useAsMirror": "true",}}'],
    ['in single quotes', "{'settings': {'useAsMirror': 'true'}}"],
    ['without the last brace', '{"settings": {"useAsMirror": "true"}'],
    ['with a brace too many', '{"settings": {"useAsMirror": "true"}}}'],
    ['with an open list', '{"settings": {"scopes": ["@a", "@b"}}'],
    ['with an open text', '{"settings": {"useAsMirror": "true}}'],
    ['without a comma', '{"settings": {"useAsMirror": "true" "x": "y"}}'],
    ['with words for values', '{"settings": {"useAsMirror": yes}}'],
    ['with a comment', '{"settings": {} /* none */}'],
    ['with an unknown escape', '{"settings": {"path": "C:\\temp\\x"}}'],
    ['that are long and have no end', `{"settings": {"mirror": "${'x'.repeat(4000)}"`],
    ['quoted once more', '"{\\"settings\\": {}}"'],
  ].map(([how = '', text = '']) => ({
    what: `params ${how}`,
    block: { connectors: 'oci', 'configuration.params': text },
    says: [/"configuration\.params"/, /must be a JSON object/],
  })),
  {
    what: 'params that are null',
    block: { connectors: 'oci', 'configuration.params': '{"settings": null}' },
    says: [/the value of "settings" must be an object/],
  },
  ...['5m', '599s', '9m59s', '599999ms', '0', '0s', '-1h', '1h-'].map((text) => ({
    what: `a lifetime of ${text}`,
    block: { connectors: 'oci', 'token.expiration': text },
    says: [/"token\.expiration" .* (is too short|is not a duration)/],
  })),
  ...['24h1m', '25h', '1441m', '86401s', '999h', '24h0m1s'].map((text) => ({
    what: `a lifetime of ${text}`,
    block: { connectors: 'oci', 'token.expiration': text },
    says: [/"token\.expiration" .* is too long: at most 24h/],
  })),
  {
    what: 'minutes without a unit',
    block: { connectors: 'oci', 'token.expiration': '30' },
    says: [/"30" is not a duration/],
  },
  { what: 'a day as days', block: { connectors: 'oci', 'token.expiration': '1d' }, says: [/"1d" is not a duration/] },
  {
    what: 'two days',
    block: { connectors: 'oci', 'token.expiration': '48h' },
    says: [/"48h" is too long: at most 24h \(--max-token-expiration/],
  },
  { what: '32 KiB and more', block: { connectors: long(65_537) }, says: [/^attribute "connectors" is over 32 KiB$/] },
  {
    what: 'params over 64 KiB',
    block: { connectors: 'oci', 'configuration.params': `{"a":{"b":"${long(65_536)}"}}` },
    says: [/^attribute "configuration\.params" is over 32 KiB$/],
  },
  {
    what: 'four mistakes',
    block: { connector: 'oci', 'configuration.names': '#', 'token.expiration': '1s', 'configuration.params': '{' },
    says: [
      /unknown attribute "\w+": allowed are /,
      /"connectors" is missing/,
      /item "#"/,
      /"1s" is too short/,
      /not valid JSON/,
    ],
  },
  {
    what: 'a configuration that no class has',
    block: { connectors: 'oci', 'configuration.names': 'registry-conf' },
    says: [/no configuration registry-conf in connectorclass oci \(available: .*registry-config/],
    needsCluster: true,
  },
  {
    what: 'a param that is not declared',
    block: {
      connectors: 'maven',
      'configuration.names': 'settings',
      'configuration.params': '{"settings": {"useMirror": "true"}}',
    },
    says: [/configuration settings has no param "useMirror"; declared are: useAsMirror/],
    needsCluster: true,
  },
  {
    what: 'a param that is a number',
    block: {
      connectors: 'jfrog',
      'configuration.names': 'npmrc',
      'configuration.params': '{"npmrc": {"timeout": 30}}',
    },
    says: [/configuration npmrc, param "timeout" must be a string, a list of strings or an object of strings/],
    needsCluster: true,
  },
  {
    what: 'a param in which a variable still stands',
    block: {
      connectors: 'maven',
      'configuration.names': 'settings',
      'configuration.params': '{"settings": {"useAsMirror": "$(params.mirror)"}}',
    },
    says: [/param "useAsMirror" must be one of "true", "false"/, /still holds "\$\(params\.mirror\)"/],
    needsCluster: true,
  },
];
