const digest = `sha256:${'0'.repeat(64)}`;

/** Images by the address of the Connector: each with what it becomes, after the prefix; undefined for itself. */
export const imageCorpus: Readonly<Record<string, Readonly<Record<string, string | undefined>>>> = {
  'https://registry.example.com': {
    'registry.example.com/team/app:1': 'team/app:1',
    'registry.example.com/app': 'app',
    [`registry.example.com/app@${digest}`]: `app@${digest}`,
    [`registry.example.com/a/b/c:1.0-x_y@${digest}`]: `a/b/c:1.0-x_y@${digest}`,
    'registry.example.com:443/app:1': 'app:1',
    'Registry.Example.com/app:1': 'app:1',
    'registry.example.com:80/app:1': undefined,
    'registry.example.com:5000/app:1': undefined,
    'registry.example.com.evil.example/app:1': undefined,
    'evil-registry.example.com/app:1': undefined,
    'example.com/registry.example.com/app:1': undefined,
    'registry.example.com': undefined,
    'app:1': undefined,
    'team/app:1': undefined,
    'docker.io/library/app:1': undefined,
    'connectors.local/namespaces/ci/connectors/registry/team/app:1': undefined,
  },
  'https://registry.example.com:5000/': {
    'registry.example.com:5000/app:1': 'app:1',
    'registry.example.com/app:1': undefined,
    'registry.example.com:443/app:1': undefined,
  },
  'https://REGISTRY.example.com:443': { 'registry.example.com/app:1': 'app:1' },
  'http://registry.example.com:80': {
    'registry.example.com/app:1': 'app:1',
    'registry.example.com:80/app:1': 'app:1',
    'registry.example.com:443/app:1': undefined,
  },
  'http://localhost:5000': { 'localhost:5000/app:1': 'app:1', 'localhost/app:1': undefined },
  'http://localhost': { 'localhost/app:1': 'app:1', 'localhost:80/app:1': 'app:1' },
  'http://[2001:db8::1]:5000': { '[2001:db8::1]:5000/app:1': 'app:1' },
  ...Object.fromEntries(
    ['https://registry-1.docker.io', 'https://index.docker.io/', 'https://docker.io:443'].map((address) => [
      address,
      {
        nginx: 'library/nginx',
        'nginx:1.27': 'library/nginx:1.27',
        [`nginx@${digest}`]: `library/nginx@${digest}`,
        'library/nginx:1': 'library/nginx:1',
        'bitnami/redis:7': 'bitnami/redis:7',
        'docker.io/nginx:1': 'library/nginx:1',
        'docker.io/library/nginx:1': 'library/nginx:1',
        'index.docker.io/bitnami/redis:7': 'bitnami/redis:7',
        'registry-1.docker.io/bitnami/redis': 'bitnami/redis',
        'ghcr.io/a/b:1': undefined,
        'localhost/app:1': undefined,
        'host:5000/app:1': undefined,
        'connectors.local/namespaces/ci/connectors/registry/library/nginx:1': undefined,
      },
    ]),
  ),
  // With a path, a user or a query it is the address of no image.
  'https://registry.example.com/base': { 'registry.example.com/base/app:1': undefined },
  'https://user@registry.example.com': { 'registry.example.com/app:1': undefined },
  'https://registry.example.com?a=b': { 'registry.example.com/app:1': undefined },
  'registry.example.com': { 'registry.example.com/app:1': undefined },
};
