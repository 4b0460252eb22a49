import { CodedError } from '../../shared/errors.ts';
import { generationOf } from '../../shared/kube/kube-object.ts';
import { caProblem } from '../certificates/certificate-authority.ts';
import type { Generators } from '../credentials/generator/generators.ts';
import { classConditionTypes, conditionsIn, falseResult, trueResult, merged } from './conditions.ts';
import type { ConditionResult } from './conditions.ts';
import type { ConnectorStatusOptions } from './connector-status.ts';
import { classUrl, isFrontedBy } from './proxy-service.ts';
import type { StatusWriter } from './status-writer.ts';
import type { NextRun } from './work-queue.ts';

export interface ClassStatusOptions extends Pick<ConnectorStatusOptions, 'objects' | 'ca' | 'service' | 'clock'> {
  readonly generators: Pick<Generators, 'mistakeIn'>;
  readonly writer: StatusWriter;
}

/** Writes the status of a ConnectorClass, if it names the proxy's Service. */
export async function reconcileClass(options: ClassStatusOptions, name: string, signal: AbortSignal): Promise<NextRun> {
  const { objects, service, clock, ca, generators, writer } = options;
  const found = objects.connectorClass(name);
  const object = objects.classObject(name);
  if (object === undefined || found === undefined || !isFrontedBy({ object }, service)) return undefined;
  const mistake = found instanceof CodedError ? undefined : await generators.mistakeIn(name, object);
  // A newer revision can have arrived during the check.
  if (objects.classObject(name) !== object) return 0;
  const noCa = caProblem(ca);
  const proxy = noCa === undefined ? trueResult('ProxyReady', 'Ready') : falseResult('ProxyReady', 'NoCA', noCa);
  const problem = found instanceof CodedError ? ({ reason: 'Unusable', message: found.message } as const) : mistake;
  const results: readonly ConditionResult[] = [
    proxy,
    problem === undefined ? { ...proxy, type: 'Ready' } : falseResult('Ready', problem.reason, problem.message),
  ];
  const conditions = merged(conditionsIn(object), results, generationOf(object), clock.now(), classConditionTypes);
  const wanted = { ...writer.addressAt(classUrl(service)), conditions };
  return (await writer.write('class', object, wanted, signal)) ? undefined : 'retry';
}
