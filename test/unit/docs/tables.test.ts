import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { layerOf, layers } from '../../../.ci/layers.mjs';
import { serveFlags } from '../../../src/driver/config.ts';
import { proxyFlags } from '../../../src/proxy/config.ts';
import { defaultFlags, parseFeatureFlags } from '../../../src/shared/connectors/feature-flags.ts';
import { builtInFiles } from '../../../src/driver/content/built-in-files.ts';
import { chooseProxyEndpoint } from '../../../src/driver/content/proxy-endpoint.ts';
import { templateData } from '../../../src/driver/content/template-renderer.ts';
import { rejectionContent } from '../../../src/driver/content/volume-content.ts';
import { errorCodes } from '../../../src/shared/errors.ts';
import { isFinal } from '../../support/csi/final-codes.ts';
import { jsonMember, type JsonValue } from '../../../src/shared/json.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { attributeTable } from '../../../src/driver/publish/attribute-table.ts';
import { resolvedOf } from '../../support/domain.ts';
import { CertificateAuthority } from '../../support/tls/certificate-authority.ts';
import { pages } from '../../support/docs/pages.ts';

const repository = path.join(import.meta.dirname, '..', '..', '..');

function page(name: string): string {
  return readFileSync(path.join(repository, name), 'utf8');
}

function sourceText(folder: string): string {
  return readdirSync(path.join(repository, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => page(path.join(folder, name)))
    .join('\n');
}

/** The cells of the rows of the table under a heading, without code marks. */
function tableUnder(text: string, heading: string): readonly (readonly string[])[] {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  assert.ok(section !== undefined, `no section ${heading}`);
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  assert.ok(lines.length > 2, `no table under ${heading}`);
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

describe('docs/configuration.md', () => {
  const text = page('docs/configuration.md');

  it('lists the flags with their environment and defaults', () => {
    const expected = Object.entries(serveFlags).map(([name, flag]) => [
      `--${name}`,
      flag.env ?? '',
      flag.default ?? 'required',
    ]);
    assert.deepEqual(
      tableUnder(text, 'Flags of the driver').map((row) => row.slice(0, 3)),
      expected,
    );
  });

  it('lists the flags of the proxy with their environment and defaults', () => {
    assert.deepEqual(
      tableUnder(text, 'Flags of the proxy').map((row) => row.slice(0, 3)),
      Object.entries(proxyFlags).map(([name, flag]) => [`--${name}`, flag.env ?? '', flag.default ?? 'required']),
    );
  });

  it('lists the feature flags with what an absent one means', () => {
    const rows = tableUnder(text, 'Feature flags').map(([key = '', absent = '']) => [key, absent] as const);
    assert.deepEqual(parseFeatureFlags({ data: Object.fromEntries(rows) }), defaultFlags);
    const opposite = rows.map(([key, absent]) => [key, String(absent === 'false')] as const);
    const flags = parseFeatureFlags({ data: Object.fromEntries(opposite) });
    assert.deepEqual(
      Object.entries(flags).map(([name, value]) => [name, !value]),
      Object.entries(defaultFlags),
    );
  });
});

describe('docs/operations.md', () => {
  it('explains each line of doctor', () => {
    const rows = tableUnder(page('docs/operations.md'), 'Doctor').map(([line]) => line);
    const folders = ['src/cli/doctor', 'src/shared/doctor', 'src/proxy/doctor', 'src/image-pulls/doctor'];
    const source = folders.map(sourceText).join('\n');
    const checks = [...source.matchAll(/\b(?:(?:ok|warn|fail|level)\(|const (?:check|\w+Check) = )\s*'([-a-z]+)'/g)];
    assert.deepEqual(rows.sort(), [...new Set(checks.map(([, check]) => check))].sort());
  });
});

describe('docs/troubleshooting.md', () => {
  const text = page('docs/troubleshooting.md');
  /** What is quoted in the first two cells of the rows of a section. */
  const quotedIn = (heading: string): readonly string[] => {
    const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
    return [...section.matchAll(/^\|(.*?)\|(.*?)\|/gm)].flatMap(([, code = '', cell = '']) =>
      [...`${code}${cell}`.matchAll(/`([^`]+)`/g)].map(([, words = '']) => words),
    );
  };

  it('says what to do for every code that an event can have', () => {
    const quoted = quotedIn('Events of the pod');
    for (const code of errorCodes) {
      // As Go prints it.
      const words = code.toLowerCase().replaceAll(/(?:^|_)(\w)/g, (_match, letter: string) => letter.toUpperCase());
      const printed = words.replace('Cancelled', 'Canceled');
      assert.ok(quoted.includes(printed), printed);
    }
  });

  for (const [heading, least] of [
    ['Events of the pod', 20],
    ['Responses of the proxy', 10],
  ] as const) {
    it(`quotes texts as the program words them under ${heading}`, () => {
      const quoted = quotedIn(heading)
        .filter((words) => /^[a-z]/.test(words))
        .filter((words) => words !== 'not found in the list of registered CSI drivers'); // the kubelet's
      assert.ok(quoted.length >= least, quoted.join(', '));
      const source = sourceText('src');
      for (const words of quoted) assert.ok(source.includes(words), words);
    });
  }

  it('has a row for each error of the proxy', () => {
    const section = text.split(/^## /m).find((part) => part.startsWith('Responses of the proxy\n')) ?? '';
    const quoted = [...section.matchAll(/^\|([^|]*)\|([^|]*)\|/gm)].map(([, statuses = '', cell = '']) => ({
      statuses,
      texts: [...cell.matchAll(/`([^`]+)`/g)].map(([, words = '']) => words),
    }));
    assert.ok(quoted.length > 30);
    // The message can have a name, so that it is on a line of its own.
    const source = sourceText('src/proxy').replaceAll(
      /const message =\s*(`[^`]*`|'[^']*');(\s*(?:throw|return) new ProxyError\(\d+, '\w+', )message/g,
      '$2$1',
    );
    const errors = [...source.matchAll(/(?:new ProxyError|failure)\(\s*(\d+),\s*'\w+',\s*(`[^`]*`|'[^']*')/g)]
      .map(([, status = '', message = '']) => ({ status, message: message.replaceAll(/\$\{[^}]*\}/g, ' ') }))
      // Those that consist of a text that another function words have no words of their own.
      .filter(({ message }) => /[a-z]{3}/.test(message.replace(/(?:\(annotation +\): )?try again in (?:5| ) s/, '')));
    assert.ok(errors.length > 30);
    const missing = errors.filter(
      ({ status, message }) =>
        !quoted.some(
          ({ statuses, texts }) => statuses.includes(status) && texts.some((words) => message.includes(words)),
        ),
    );
    assert.deepEqual(missing, []);
  });

  it("has the original driver's texts on the page for those who had it", () => {
    const rows = tableUnder(page('docs/migration.md'), 'Messages of the original driver').map(([words = '']) => words);
    for (const words of ['connector "x" not found', 'could not get connector', 'failed to generate configuration']) {
      assert.ok(rows.includes(words), words);
    }
  });
});

describe('docs/volumes.md', () => {
  const text = page('docs/volumes.md');

  it('lists the volume attributes', () => {
    assert.deepEqual(
      tableUnder(text, 'Volume attributes'),
      Object.entries(attributeTable).map(([name, { meaning }]) => [name, meaning.replaceAll('`', '')]),
    );
  });

  it('lists the files', () => {
    const endpoint = chooseProxyEndpoint([resolvedOf('ci/a', 'http://proxy')], 'connectors-proxy');
    const files = builtInFiles({
      volumeId: 'v',
      endpoint,
      token: new Secret('t'),
      caBundle: new CertificateAuthority().certificate,
      noProxy: '',
    });
    const names = [...files, ...rejectionContent('', []).files].map(({ name }) => name);
    assert.deepEqual(
      tableUnder(text, 'Files')
        .map(([name]) => name)
        .sort(),
      names.sort(),
    );
  });
});

describe('CONTRIBUTING.md', () => {
  it('names the suites', () => {
    const suites = readdirSync(path.join(repository, 'test')).filter((folder) =>
      readdirSync(path.join(repository, 'test', folder), { recursive: true, encoding: 'utf8' }).some((file) =>
        file.endsWith('.test.ts'),
      ),
    );
    const [, named = ''] = /^## Tests\n([^]*?)Tests mirror/m.exec(page('CONTRIBUTING.md')) ?? [];
    assert.deepEqual([...named.matchAll(/`(\w+)`/g)].map(([, name]) => name).sort(), suites.sort());
  });

  it('names scripts that there are', () => {
    const { scripts } = JSON.parse(page('package.json')) as { scripts: Readonly<Record<string, string>> };
    const named = [...page('CONTRIBUTING.md').matchAll(/`npm run ([-:\w]+)/g)].map(([, name = '']) => name);
    assert.ok(named.length >= 5);
    for (const name of named) assert.ok(name in scripts, name);
  });
});

describe('docs/writing-a-connectorclass.md', () => {
  it('lists what a template sees', () => {
    const { connector, connectorClass } = resolvedOf('ci/a', 'http://proxy');
    const data = templateData({ connectorClass, connectors: [connector] }, {}, new Secret('t'), 'PEM');
    const listed = tableUnder(page('docs/writing-a-connectorclass.md'), 'All that a template sees').map(([name = '']) =>
      name.slice(1).split('.'),
    );
    for (const path of listed) {
      const value = path.reduce<JsonValue | undefined>((holder, key) => jsonMember(holder, key), data);
      assert.notEqual(value, undefined, path.join('.'));
    }
    assert.deepEqual([...new Set(listed.map(([first]) => first))].sort(), Object.keys(data).sort());
  });
});

describe('docs/dev/architecture.md', () => {
  it('lists the error codes and which of them are final', () => {
    const rows = tableUnder(page('docs/dev/architecture.md'), 'Errors').map(
      ([code = '', final = '']) => `${code} ${final}`,
    );
    assert.deepEqual(rows.sort(), errorCodes.map((code) => `${code} ${isFinal(code) ? 'yes' : 'no'}`).sort());
  });

  it('has a row for every layer that the linter knows', () => {
    const rows = tableUnder(page('docs/dev/architecture.md'), 'Layers');
    assert.deepEqual(
      rows.flatMap(([folders = '']) => folders.split(', ')).sort(),
      Object.keys(layers)
        .filter((folder) => folder !== '*')
        .sort(),
    );
  });

  it('knows every folder and module of src', () => {
    const files = readdirSync(path.join(repository, 'src'), { recursive: true, encoding: 'utf8' });
    const parts = new Set(files.filter((name) => name.endsWith('.ts')).map(layerOf));
    assert.deepEqual(
      [...parts].sort(),
      Object.keys(layers)
        .filter((folder) => folder !== '*')
        .sort(),
    );
  });
});

describe('docs/dev/threats.md', () => {
  const [, ...sections] = page('docs/dev/threats.md').split(/^## /m);
  const threats = sections.flatMap((section) => section.split(/^- /m).slice(1));

  it('names an attack, a mitigation and tests that exist in each item', () => {
    assert.ok(threats.length >= 75);
    for (const threat of threats) {
      assert.match(threat, /^\*\*[^*]+\.\*\*\s(?!`test)/);
      const tests = [...threat.matchAll(/`(test\/[^`]+)`/g)].map(([, file = '']) => file);
      assert.ok(tests.length > 0, threat);
      for (const file of tests) assert.ok(existsSync(path.join(repository, file)), file);
    }
  });
});

describe('values of the chart that pages name', () => {
  const values = parse(page('deploy/chart/values.yaml')) as JsonValue;
  const named = pages.flatMap((name) =>
    [
      ...page(name).matchAll(
        /`((?:image|driver|proxy|crds|classes|approval|imagePulls|monitoring)\.(?!yaml)[\w.]+)[^`]*`/g,
      ),
    ].map(([, value = '']) => [name, value] as const),
  );

  it('are those of values.yaml', () => {
    assert.ok(named.length >= 15, String(named.length));
    const wrong = named.filter(([, value]) => {
      const found = value.split('.').reduce<JsonValue | undefined>((holder, key) => jsonMember(holder, key), values);
      return found === undefined;
    });
    assert.deepEqual(wrong, []);
  });
});

describe('links between pages', () => {
  it('lead on to another page at the end of each page for users', () => {
    for (const name of pages.filter((each) => /^docs\/(?!README)[^/]+$/.test(each))) {
      const [last = ''] = page(name).trimEnd().split('\n\n').slice(-1);
      assert.match(last, /^Next: .*\]\(.*\.md[^)]*\)/s, name);
    }
  });

  it('lead to every decision from their index', () => {
    const text = page('docs/dev/decisions/README.md');
    for (const name of readdirSync(path.join(repository, 'docs', 'dev', 'decisions'))) {
      if (name !== 'README.md') assert.ok(text.includes(`(${name})`), name);
    }
  });
});
