// The parts of the tests: which files run as one process, in which command.

/**
 * Folders and files of `test`, with the processor seconds of their files. A file belongs to the innermost of them.
 */
const places = {
  conformance: 5,
  e2e: 100,
  'e2e/flow/image-pulls.test.ts': 25,
  'e2e/image.test.ts': 20,
  fault: 20,
  'fault/api': 40,
  'fault/fuzz': 60,
  'fault/host': 65,
  'fault/proxy/limits.test.ts': 40,
  integration: 95,
  'integration/deploy': 35,
  'integration/driver': 40,
  'integration/driver/kubernetes': 45,
  'integration/driver/load/all-at-once.test.ts': 35,
  'integration/driver/publish': 45,
  'integration/proxy': 95,
  'integration/scenarios': 35,
  model: 700,
  soak: 180,
  unit: 60,
  'unit/gotemplate': 40,
};
/** Places with more are divided. */
const partSeconds = 40;

/** Only `npm run test:slow` runs these: random input, outages of minutes, and programs that take 20 seconds. */
const slow = [
  'e2e/arm64.test.ts',
  'e2e/flow/activate.test.ts',
  'e2e/flow/image-pulls.test.ts',
  'e2e/flow/refused-programs.test.ts',
  'e2e/flow/registries.test.ts',
  'e2e/image.test.ts',
  'e2e/policies.test.ts',
  'fault/fuzz',
  'soak',
];
/** `npm test` runs a tenth of the random sequences that `npm run test:slow` and CI run. */
const random = ['model'];
const fewer = { MODEL_RUNS: '100' };
const fewerShare = 0.1;
/** These mostly wait, for minutes: they run next to the parts that are as many as there are lanes. */
const waiting = ['soak'];
/** CI runs these on another Node too: sockets, processes, files and native code. */
const dependsOnNode = [
  'conformance',
  'fault',
  'integration/deploy/package.test.ts',
  'integration/deploy/runtime.test.ts',
  'integration/driver',
  'integration/image-pulls',
  'integration/kube',
  'integration/process',
  'integration/proxy',
  'integration/scenarios',
  'integration/volumes',
];

const isIn = (file, names) => names.some((name) => `${file}/`.startsWith(`test/${name}/`));

/**
 * @param command `quick`: `npm test`; `slow`: `npm run test:slow`; `all`: both. @param node the path of another Node,
 * which runs what depends on it. @param files all test files, as `test/….test.ts`.
 * @returns the parts, longest first: {name, files, seconds, env, isWaiting, node}. `seconds` are of a processor.
 * @throws if a file is in no place.
 */
export function partsOf(command, files, node) {
  const lost = files.filter((file) => placeOf(file) === undefined);
  if (lost.length > 0) throw new Error(`in no part: ${lost.join(' ')}`);
  const isQuick = (file) => !isIn(file, slow) && (command === 'quick' || !isIn(file, random));
  const isSlow = (file) => isIn(file, [...slow, ...random]);
  const isAgain = (file) => isQuick(file) && isIn(file, dependsOnNode);
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
  return Object.entries(places).flatMap(([place, seconds]) => {
    const own = files.filter((file) => placeOf(file) === place);
    const share = common.env === fewer && random.includes(place) ? fewerShare : 1;
    const count = Math.min(own.length, Math.ceil(seconds / partSeconds));
    return Array.from({ length: count }, (_, index) => ({
      ...common,
      name: `${place}${count > 1 ? ` ${index + 1}/${count}` : ''}${suffix}`,
      files: own.filter((_, position) => position % count === index),
      seconds: (seconds * share) / count,
      isWaiting: waiting.includes(place),
    }));
  });
}
