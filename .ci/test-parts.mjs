// The parts of the tests: which files run as one process, in which command.

/**
 * Folders and files of `test`, with the seconds of a processor that their files take, and with the seconds that they
 * take, waits included. A file belongs to the innermost of them.
 */
const places = {
  conformance: [4, 5],
  e2e: [70, 160],
  'e2e/flow/image-pulls.test.ts': [25, 40],
  'e2e/image.test.ts': [20, 30],
  fault: [18, 50],
  'fault/api': [30, 75],
  'fault/fuzz': [25, 45],
  'fault/host': [40, 55],
  'fault/proxy/limits.test.ts': [27, 50],
  integration: [75, 170],
  'integration/deploy': [18, 40],
  'integration/driver': [20, 70],
  'integration/driver/kubernetes': [40, 100],
  'integration/driver/load': [55, 90],
  'integration/driver/publish': [40, 90],
  'integration/proxy': [85, 240],
  'integration/scenarios': [28, 90],
  model: [270, 440],
  soak: [160, 340],
  unit: [50, 90],
  'unit/shared/gotemplate': [20, 40],
};
/** Places that take more are divided. */
const partSeconds = [45, 100];

/** Only `npm run test:slow` runs these. Those of `load` fill a driver or a proxy as far as it lets them. */
const load = ['fault/proxy/limits.test.ts', 'integration/driver/load'];
/** The others have random input, and programs that take 20 seconds. */
const slow = [
  ...load,
  'e2e/arm64.test.ts',
  'e2e/classes/maven.test.ts',
  'e2e/flow/activate.test.ts',
  'e2e/flow/image-pulls.test.ts',
  'e2e/flow/refused-programs.test.ts',
  'e2e/flow/registries.test.ts',
  'e2e/flow/token-expiry.test.ts',
  'e2e/flow/tools.test.ts',
  'e2e/flow/whole-system.test.ts',
  'e2e/image.test.ts',
  'e2e/policies.test.ts',
  'fault/fuzz',
  'soak',
];
/** `npm test` runs a tenth of the random sequences that `npm run test:slow` and CI run. */
const random = ['model'];
const fewer = { MODEL_RUNS: '100' };
const fewerShare = 0.1;
/** CI runs these on another Node too: sockets, processes, files and native code. */
const dependsOnNode = [
  'conformance',
  'fault',
  'integration/deploy/runtime.test.ts',
  'integration/driver',
  'integration/image-pulls',
  'integration/kube',
  'integration/process',
  'integration/proxy',
  'integration/scenarios',
  'integration/volumes',
];

/** All names above, each of a folder or file of `test`. */
export const names = [...Object.keys(places), ...slow, ...random, ...dependsOnNode];

const isIn = (file, list) => list.some((name) => `${file}/`.startsWith(`test/${name}/`));

/**
 * @param command `quick`: `npm test`; `slow`: `npm run test:slow`; `all`: both. @param node the path of another Node,
 * which runs what depends on it. @param files all test files, as `test/….test.ts`.
 * @returns the parts, longest first: {name, files, seconds, processorSeconds, env, node}.
 * @throws if a file is in no place.
 */
export function partsOf(command, files, node) {
  const lost = files.filter((file) => placeOf(file) === undefined);
  if (lost.length > 0) throw new Error(`in no part: ${lost.join(' ')}`);
  const isQuick = (file) => !isIn(file, slow) && (command === 'quick' || !isIn(file, random));
  const isSlow = (file) => isIn(file, [...slow, ...random]);
  const isAgain = (file) => (isQuick(file) || isIn(file, load)) && isIn(file, dependsOnNode);
  return [
    ...(command === 'slow' ? [] : divided(files.filter(isQuick), '', { env: fewer })),
    ...(command === 'quick' ? [] : divided(files.filter(isSlow), ', slow', { env: {} })),
    ...(node ? divided(files.filter(isAgain), ' on another Node', { env: fewer, node }) : []),
  ].sort((a, b) => b.seconds - a.seconds);
}

function placeOf(file) {
  const isOf = (place) => isIn(file, [place]);
  return Object.keys(places)
    .filter(isOf)
    .sort((a, b) => b.length - a.length)[0];
}

function divided(files, suffix, common) {
  return Object.entries(places).flatMap(([place, [processorSeconds, seconds]]) => {
    const own = files.filter((file) => placeOf(file) === place);
    const share = common.env === fewer && random.includes(place) ? fewerShare : 1;
    const parts = Math.max(processorSeconds / partSeconds[0], seconds / partSeconds[1]);
    const count = Math.min(own.length, Math.ceil(parts));
    return Array.from({ length: count }, (_, index) => ({
      ...common,
      name: `${place}${count > 1 ? ` ${index + 1}/${count}` : ''}${suffix}`,
      files: own.filter((_, position) => position % count === index),
      seconds: (seconds * share) / count,
      processorSeconds: (processorSeconds * share) / count,
    }));
  });
}
