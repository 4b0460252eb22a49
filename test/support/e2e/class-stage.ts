import { ProxyStandIn } from './proxy-stand-in.js';
import { RenderedClasses } from './rendered-classes.js';

/** What the tests of a suite render into, and the proxy that the files lead to. Both are empty for each test. */
export interface ClassStage {
  readonly rendered: RenderedClasses;
  readonly proxy: ProxyStandIn;
}

/** To be called in a suite, whose hooks it adds to. */
export function useClassStage(): ClassStage {
  const stage: { rendered?: RenderedClasses; proxy?: ProxyStandIn } = {};
  beforeEach(async () => {
    stage.rendered = new RenderedClasses();
    stage.proxy = await ProxyStandIn.start();
  });
  afterEach(() => {
    stage.rendered?.remove();
    stage.proxy?.stop();
  });
  return {
    get rendered() {
      return stage.rendered!;
    },
    get proxy() {
      return stage.proxy!;
    },
  };
}
