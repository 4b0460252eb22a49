import { classCases } from './class-cases.js';

// The input of test/fixtures/connectorclasses/record.go.
process.stdout.write(`${JSON.stringify(classCases())}\n`);
