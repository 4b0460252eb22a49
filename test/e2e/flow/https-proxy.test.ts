import assert from 'node:assert/strict';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { needsKnownPorts, ownAddress } from '../../support/e2e/host-names.ts';
import { eventually } from '../../support/poll.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';

const host = 'tool.test';
const commit = '0123456789abcdef0123456789abcdef01234567';

/** Without `activate`: docs/proxy.md, "TLS between pod and proxy". */
describe('programs with an https:// proxy', function () {
  this.timeout(120_000);
  let tool: ToolServer;
  let volume: TestVolume;
  before(needsKnownPorts);
  const use = useFlowFixture(
    {
      ...{ hosts: [host], isAtService: true },
      proxyFlags: ['--tls-address', `${ownAddress}:443`, '--advertise', 'https'],
    },
    ['curl', 'git', 'wget', 'skopeo', 'oras', 'npm', 'pip3', 'python3'],
    async (fixture) => {
      tool = await ToolServer.start(
        'https',
        ({ url = '' }, response) => {
          if (url.includes('/info/refs')) response.end(`${commit}\trefs/heads/main\n`);
          else if (url.endsWith('/tags/list')) response.end('{"name":"app","tags":["one"]}');
          else response.end('"welcome"');
        },
        [host],
      );
      fixture.onStop(() => tool.stop());
      fixture.allow(['tool']);
      fixture.connect('tool', tool.url(host), { secret: 'login' });
      await eventually('the connector has an address', () =>
        JSON.stringify(fixture.api.get('connectors', { namespace: 'ci', name: 'tool' })).includes('httpAddress'),
      );
      volume = await fixture.volume({ attributes: { connectors: 'tool' } });
    },
  );

  const works: Readonly<Record<string, readonly [command: (url: string) => string, output: RegExp]>> = {
    'curl with --proxy-cacert': [(url) => `curl -sS --proxy-cacert ca.crt --cacert ca.crt ${url}/`, /"welcome"/],
    'git with http.proxySSLCAInfo': [
      (url) => `git -c http.proxySSLCAInfo=$PWD/ca.crt -c http.sslCAInfo=$PWD/ca.crt ls-remote ${url}/app.git`,
      new RegExp(commit),
    ],
    'Go programs with SSL_CERT_FILE': [
      (url) => `SSL_CERT_FILE=$PWD/ca.crt skopeo list-tags docker://${new URL(url).host}/app`,
      /"one"/,
    ],
    'oras with SSL_CERT_FILE': [(url) => `SSL_CERT_FILE=$PWD/ca.crt oras repo tags ${new URL(url).host}/app`, /^one$/m],
    'Node fetch with NODE_EXTRA_CA_CERTS': [
      (url) =>
        `NODE_USE_ENV_PROXY=1 NODE_EXTRA_CA_CERTS=$PWD/ca.crt ${process.execPath} -e 'fetch("${url}/").then((r) => r.text()).then(console.log)'`,
      /"welcome"/,
    ],
    'npm with cafile': [
      (url) => `npm ping --json --cafile $PWD/ca.crt --no-update-notifier --cache $HOME/npm-cache --registry ${url}/`,
      /"registry"/,
    ],
    'Python requests with REQUESTS_CA_BUNDLE': [
      (url) =>
        `REQUESTS_CA_BUNDLE=$PWD/ca.crt python3 -c 'from pip._vendor import requests; print(requests.get("${url}/").text)'`,
      /"welcome"/,
    ],
  };

  for (const [program, [command, output]] of Object.entries(works)) {
    it(`${program}: works`, async () => {
      assert.match(await use.fixture.task(volume, command(tool.url(host))), output);
    });
  }

  it('wget: does not', async () => {
    const { output } = await use.fixture.try(
      volume,
      `wget --tries 1 --timeout 20 -O- --ca-certificate=ca.crt ${tool.url(host)}/`,
    );
    // It speaks plain HTTP to the proxy.
    assert.match(output, /Failed reading proxy response/);
  });

  it('Python urllib: does not', async () => {
    const { status, output } = await use.fixture.try(
      volume,
      `SSL_CERT_FILE=$PWD/ca.crt python3 -c 'import urllib.request; print(urllib.request.urlopen("${tool.url(host)}/", timeout=20).read())'`,
    );
    assert.notEqual(status, 0);
    // It speaks plain HTTP to the proxy.
    assert.doesNotMatch(output, /welcome/);
  });

  it('have it from the volume', () => {
    const files = volume.read();
    assert.match(files['.env'] ?? '', /^https_proxy=https:\/\/\S+:443$/m);
    assert.match(files['connector.status.proxyAddress'] ?? '', /^https:\/\//);
  });
});
