import assert from 'node:assert/strict';
import { caseToken } from '../../support/classes/class-cases.ts';
import { runMaven } from '../../support/e2e/maven.ts';
import { useClassFixture } from '../../support/e2e/class-fixture.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';

describe('settings.xml of the chart, read by Maven', function () {
  const fixture = useClassFixture();
  before(needs('mvn'));

  it("leaves it the project's repositories where no connector is a mirror, with the proxy in front of them", async () => {
    await runMaven(
      fixture.rendered,
      fixture.rendered.write('nexus/settings/settings.xml: one connector', fixture.proxy.host),
    );
    assert.ok(fixture.proxy.withLogin.length > 0);
    for (const { target, proxyLogin } of fixture.proxy.withLogin) {
      assert.equal(target, 'repo.maven.apache.org:443');
      assert.equal(proxyLogin, `ci/one:${caseToken}`);
    }
  });

  for (const [className, asked] of Object.entries({
    // Of no repository that there is, as its params have it.
    maven: 'repo.maven.apache.org:443',
    nexus: 'one.example.com:443',
    jfrog: 'one.example.com:443',
  })) {
    it(`survives hostile params: ${className}`, async () => {
      const file = fixture.rendered.write(
        `${className}/settings/settings.xml: two connectors, hostile params`,
        fixture.proxy.host,
      );
      const { output } = await runMaven(fixture.rendered, file);
      assert.doesNotMatch(output, /settings\.xml/);
      assert.deepEqual([...new Set(fixture.proxy.withLogin.map(({ target }) => target))], [asked]);
      assert.ok(fixture.proxy.withLogin.every(({ proxyLogin }) => proxyLogin === `ci/one,ci/two:${caseToken}`));
    });
  }
});
