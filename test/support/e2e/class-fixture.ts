import { FakeProxy } from './fake-proxy.ts';
import { RenderedClasses } from './rendered-classes.ts';

/** What the tests of a suite render into, and the proxy that the files lead to. Both are empty for each test. */
interface ClassFixture {
  readonly rendered: RenderedClasses;
  readonly proxy: FakeProxy;
}

/** To be called in a suite, whose hooks it adds to. */
export function useClassFixture(): ClassFixture {
  const fixture: { rendered?: RenderedClasses; proxy?: FakeProxy } = {};
  beforeEach(async () => {
    fixture.rendered = new RenderedClasses();
    fixture.proxy = await FakeProxy.start();
  });
  afterEach(() => {
    fixture.rendered?.remove();
    fixture.proxy?.stop();
  });
  return {
    get rendered() {
      return fixture.rendered!;
    },
    get proxy() {
      return fixture.proxy!;
    },
  };
}
