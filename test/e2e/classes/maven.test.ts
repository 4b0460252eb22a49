import assert from 'node:assert/strict';
import { caseToken } from '../../support/deploy/class-cases.js';
import { runMaven } from '../../support/e2e/maven.js';
import { useClassStage } from '../../support/e2e/class-stage.js';
import { needs } from '../../support/e2e/rendered-classes.js';

describe('settings.xml of deploy/classes, read by Maven', function () {
  const stage = useClassStage();
  before(needs('mvn'));

  it('brings it to the mirror through the proxy, with all connectors and the token', async () => {
    await runMaven(
      stage.rendered,
      stage.rendered.write('maven/settings/settings.xml: two connectors', stage.proxy.host),
    );
    const [first] = stage.proxy.withLogin;
    assert.equal(first?.target, 'http://two.example.com:5000/x/com/example/parent/1/parent-1.pom');
    assert.equal(first.proxyLogin, `ci/one,ci/two:${caseToken}`);
  });

  it("leaves it the project's repositories where no connector is a mirror, with the proxy in front of them", async () => {
    await runMaven(
      stage.rendered,
      stage.rendered.write('nexus/settings/settings.xml: one connector', stage.proxy.host),
    );
    assert.ok(stage.proxy.withLogin.length > 0);
    for (const { target, proxyLogin } of stage.proxy.withLogin) {
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
      const file = stage.rendered.write(
        `${className}/settings/settings.xml: two connectors, hostile params`,
        stage.proxy.host,
      );
      const { output } = await runMaven(stage.rendered, file);
      assert.doesNotMatch(output, /settings\.xml/);
      assert.deepEqual([...new Set(stage.proxy.withLogin.map(({ target }) => target))], [asked]);
      assert.ok(stage.proxy.withLogin.every(({ proxyLogin }) => proxyLogin === `ci/one,ci/two:${caseToken}`));
    });
  }
});
