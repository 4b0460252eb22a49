import { NodeSandbox } from './node-sandbox.ts';

/** What a suite keeps in its own variables. */
interface SuiteDriver<Driver> {
  readonly node: NodeSandbox;
  readonly driver: Driver;
}

type Start<Driver> = (node: NodeSandbox) => Promise<Driver>;
type Hold<Driver> = (started: SuiteDriver<Driver>) => unknown;

/** Starts one driver on a node of its own for all tests of the suite, and ends both after them. */
export function driverForAll<Driver extends { stop(): Promise<unknown> }>(
  start: Start<Driver>,
  hold: Hold<Driver>,
): void {
  let own: SuiteDriver<Driver> | undefined;
  before(async () => {
    const node = new NodeSandbox();
    own = { node, driver: await start(node) };
    hold(own);
  });
  after(async () => {
    await own?.driver.stop();
    own?.node.remove();
  });
}
