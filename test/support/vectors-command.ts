import process from 'node:process';
import { type Failure, loadVectors, runVector } from './vectors.ts';

/** `npm run --silent vectors -- FILE…`: runs files of recorded templates, prints one line of JSON, exits 1 on a failure. */
const vectors = process.argv.slice(2).flatMap(loadVectors);
const failures = vectors
  .map((vector) => runVector(vector))
  .filter((failure): failure is Failure => failure !== undefined);
const report = { passed: vectors.length - failures.length, failed: failures.length, failures };
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exitCode = failures.length === 0 ? 0 : 1;
