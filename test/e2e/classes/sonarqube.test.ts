import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import { caseProxyHost, caseToken, hostileAddress, hostileText } from '../../support/classes/class-cases.ts';
import { RenderedClasses, needs } from '../../support/e2e/rendered-classes.ts';

/** Java's own reader of properties, which also sonar-scanner uses; what it read as XML. */
const readProperties = `<project default="read">
  <target name="read">
    <property file="\${file}" prefix="read"/>
    <echoproperties destfile="\${file}.xml" format="xml" prefix="read."/>
  </target>
</project>`;

const named = new Map(Object.entries({ lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }));
/** The entities that Java writes: the five of XML, and characters by their hexadecimal numbers. */
const entityDecoder = {
  decode: (text: string) =>
    text
      .replace(/&#x([0-9a-f]+);/g, (_, digits: string) => String.fromCodePoint(parseInt(digits, 16)))
      .replace(/&(\w+);/g, (entity, name: string) => named.get(name) ?? entity),
  setExternalEntities: () => undefined,
  addInputEntities: () => undefined,
  reset: () => undefined,
  setXmlVersion: () => undefined,
};

describe('sonar-project.properties of the chart, read by Java', function () {
  const rendered = new RenderedClasses();
  before(needs('ant'));
  after(() => rendered.remove());

  async function read(caseName: string): Promise<Map<string, string>> {
    const file = rendered.write(caseName);
    const buildFile = path.join(rendered.folder, 'build.xml');
    writeFileSync(buildFile, readProperties);
    await rendered.output('ant', ['-q', '-f', buildFile, `-Dfile=${file}`]);
    const parser = new XMLParser({
      ignoreAttributes: false,
      trimValues: false,
      processEntities: true,
      entityDecoder,
    });
    const { properties } = parser.parse(readFileSync(`${file}.xml`, 'utf8')) as {
      properties: { property: readonly { '@_name': string; '@_value': string }[] };
    };
    return new Map(properties.property.map((one) => [one['@_name'].replace(/^read\./, ''), one['@_value']]));
  }

  it('find server, proxy and login', async () => {
    for (const name of ['sonar-scanner/sonar-project.properties', 'scanner/sonar-scanner.properties']) {
      assert.deepEqual(Object.fromEntries(await read(`sonarqube/${name}: one connector`)), {
        'sonar.host.url': 'https://one.example.com',
        'sonar.scanner.proxyHost': caseProxyHost,
        'sonar.scanner.proxyPort': '80',
        'sonar.scanner.proxyUser': 'ci%2Fone',
        'sonar.scanner.proxyPassword': caseToken,
      });
    }
  });

  it('read hostile params as they were written', async () => {
    const found = await read('sonarqube/sonar-scanner/sonar-project.properties: two connectors, hostile params');
    assert.equal(found.get('sonar.projectKey'), hostileText);
    assert.equal(found.get('xyz'), ' v');
  });

  it("read a connector's address as its owner wrote it", async () => {
    const found = await read('sonarqube/scanner/sonar-scanner.properties: one connector with a hostile address');
    assert.equal(found.get('sonar.host.url'), hostileAddress);
    assert.equal(found.size, 5);
  });
});
