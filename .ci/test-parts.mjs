// The parts of the tests: which files run as one process, in which command, and for about how long.

/**
 * Folders and files of `test`, with their seconds on two free processors. A file belongs to the innermost of them. Longer
 * ones are divided.
 */
const places = {
  conformance: 20,
  e2e: 60,
  'e2e/classes': 60,
  'e2e/flow': 200,
  fault: 40,
  'fault/api': 103,
  'fault/fuzz': 60,
  'fault/host': 60,
  integration: 60,
  'integration/driver': 120,
  'integration/driver/kubernetes': 98,
  'integration/driver/publish': 120,
  'integration/proxy': 267,
  'integration/scenarios': 60,
  model: 300,
  soak: 300,
  unit: 60,
  'unit/gotemplate': 60,
};
/** The seconds of a part that is not divided. */
const partSeconds = 90;

/** Only `npm run test:slow` runs these. */
const slow = ['fault/fuzz', 'soak'];
/** Both commands run these, `npm test` with fewer random sequences. */
const random = ['model'];
/** The environment of the parts of `npm test`. */
const shorter = { MODEL_RUNS: '100' };
/** CI runs these on another Node too: sockets, processes, files and native code. */
const dependsOnNode = [
  'conformance',
  'fault',
  'integration/demo',
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
 * @param command `quick`: `npm test`; `slow`: `npm run test:slow`; `all`: both. @param node name of another Node that runs
 * what depends on it. @param files all test files, as `test/….test.ts`.
 * @returns the parts, longest first: {name, files, seconds, env, isOnOtherNode}.
 */
export function partsOf(command, files, node) {
  const quick = files.filter((file) => !isIn(file, slow));
  const long = files.filter((file) => isIn(file, [...slow, ...random]));
  const again = quick.filter((file) => isIn(file, dependsOnNode));
  return [
    ...(command === 'slow' ? [] : divided(quick, { env: shorter })),
    ...(command === 'quick' ? [] : divided(long, { suffix: ', long', env: {} })),
    ...(node ? divided(again, { suffix: ` on ${node}`, env: shorter, isOnOtherNode: true }) : []),
  ].sort((a, b) => b.seconds - a.seconds);
}

function divided(files, { suffix = '', ...common }) {
  const innermost = (file) =>
    Object.keys(places)
      .filter((place) => isIn(file, [place]))
      .sort((a, b) => b.length - a.length)[0];
  const lost = files.filter((file) => innermost(file) === undefined);
  if (lost.length > 0) throw new Error(`in no part: ${lost.join(' ')}`);
  return Object.entries(places).flatMap(([place, seconds]) => {
    const own = files.filter((file) => innermost(file) === place);
    const count = Math.min(own.length, Math.ceil(seconds / partSeconds));
    return Array.from({ length: count }, (_, index) => ({
      ...common,
      name: `${place}${count > 1 ? ` ${index + 1}/${count}` : ''}${suffix}`,
      files: own.filter((_, position) => position % count === index),
      seconds: seconds / count,
    }));
  });
}
