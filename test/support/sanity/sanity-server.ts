// `npm run sanity-server -- --endpoint unix:///path`: the real driver, for csi-sanity. See sanity-wrapper.ts.
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { DriverProcess } from '../driver/driver-process.ts';
import { NodeSandbox } from '../driver/node-sandbox.ts';
import { SanityWrapper } from './sanity-wrapper.ts';

const { values } = parseArgs({ options: { endpoint: { type: 'string' } } });
const socketPath = /^unix:(?:\/\/)?(\/.+)$/.exec(values.endpoint ?? '')?.[1];

if (socketPath === undefined) {
  console.error('Usage: npm run sanity-server -- --endpoint unix:///ABSOLUTE/PATH');
  process.exitCode = 2;
} else {
  const node = new NodeSandbox();
  const driver = await DriverProcess.start(node);
  const wrapper = new SanityWrapper(node, driver);
  await wrapper.listen(socketPath);
  console.log(`ready: csi-sanity --csi.endpoint unix://${socketPath}`);
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  wrapper.close();
  await driver.stop();
  node.remove();
}
