import type { Connector, ConnectorClass } from '../../../connectors/model.js';
import type { JsonObject } from '../../../json.js';
import { generationOf } from '../../../kube/kube-object.js';
import type { ProxyConfig } from '../../../proxy/config.js';
import type { ConditionType } from '../../../proxy/status/conditions.js';
import { conditionOf, conditionsIn } from '../../../proxy/status/conditions.js';
import { classUrl, connectorUrl } from '../../../proxy/status/proxy-service.js';
import { listed } from '../../../wording.js';
import { connectorName, firstOf } from '../connector-objects.js';
import type { CheckResult } from '../check-result.js';
import { fail, ok, warn } from '../check-result.js';
import type { OwnObjects } from './own-objects.js';

/**
 * Checks that address, CA and conditions are written, and reports bad conditions.
 * @param certificate of the CA; undefined if it cannot be read.
 */
export function checkStatuses(
  objects: OwnObjects,
  certificate: string | undefined,
  { 'write-status': writes }: Pick<ProxyConfig, 'write-status'>,
): readonly CheckResult[] {
  const { service, classes, connectors, orphans, otherServices } = objects;
  if (classes.length === 0) {
    const others = otherServices.size === 0 ? '' : ` (those that there are name ${listed(otherServices)})`;
    const problem = `no ConnectorClass names Service ${service.namespace}/${service.name} in spec.proxy.ref${others}`;
    const fix = 'apply deploy/classes, or give --service and --namespace what the classes name';
    return [warn('status', problem, fix), ...(orphans.length === 0 ? [] : [checkReady(orphans)])];
  }
  const late = outdated(objects, certificate);
  const of = writes ? 'this proxy' : 'another writer, as --write-status is off,';
  const written =
    late.length === 0
      ? ok('status', `current of ${connectors.length + orphans.length} connectors and ${classes.length} classes`)
      : fail(
          'status',
          `${firstOf(late)} without a current status from ${of}, so that volumes wait or get an old CA`,
          'the lines "lease" and "rbac", and the log of the replica that holds the Lease, say why',
        );
  return [written, checkReady([...connectors, ...orphans]), checkProbes(connectors)];
}

/** Returns the names of objects whose address, CA or conditions are not current. */
export function outdated(
  { service, classes, connectors, orphans }: OwnObjects,
  certificate: string | undefined,
): readonly string[] {
  const isAddressed = ({ proxyAddress }: Connector | ConnectorClass, url: string): boolean =>
    proxyAddress?.url === url && (certificate === undefined || proxyAddress.caCerts === certificate);
  return [
    ...classes
      .filter((connectorClass) => !isAddressed(connectorClass, classUrl(service)))
      .map(({ name }) => `connectorclass ${name}`),
    ...connectors
      .filter(
        (connector) =>
          !isAddressed(connector, connectorUrl(service, connector.ref)) || !hasCurrentConditions(connector),
      )
      .map(connectorName),
    ...orphans.filter((connector) => !hasCurrentConditions(connector)).map(connectorName),
  ];
}

function hasCurrentConditions({ object }: Connector): boolean {
  return conditionOf(conditionsIn(object), 'Ready')?.['observedGeneration'] === generationOf(object);
}

function checkReady(connectors: readonly Connector[]): CheckResult {
  const check = 'connectors';
  const not = connectors.flatMap(({ ref, object }) => {
    const ready = conditionOf(conditionsIn(object), 'Ready');
    if (ready?.['status'] !== 'False') return [];
    return [`${ref.namespace}/${ref.name} (${textOf(ready, 'reason')})`];
  });
  if (not.length === 0) return ok(check, `none of ${connectors.length} is known to be unusable`);
  const problem = `${not.length} of ${connectors.length} cannot be used: ${listed(not)}`;
  return warn(check, problem, '"kubectl get connectors -A -o wide" has the messages, for their owners');
}

function checkProbes(connectors: readonly Connector[]): CheckResult {
  const check = 'probes';
  const types: readonly ConditionType[] = ['LivenessReady', 'AuthReady'];
  const probed = connectors.flatMap((connector) => {
    const conditions = conditionsIn(connector.object);
    const found = types
      .map((type) => conditionOf(conditions, type))
      .filter((condition) => condition !== undefined)
      .filter((condition) => textOf(condition, 'reason') !== 'NonAuthProbe');
    return found.map((condition) => ({ connector, condition }));
  });
  const unusable = probed.filter(({ condition }) => textOf(condition, 'reason') === 'ProbeUnusable');
  const [first] = unusable;
  if (first === undefined) {
    const tools = new Set(probed.map(({ connector }) => connector));
    return ok(check, `${tools.size} of ${connectors.length} connectors are probed`);
  }
  const names = [...new Set(unusable.map(({ connector }) => connectorName(connector)))];
  const problem = `of ${firstOf(names)} cannot be sent or judged: ${textOf(first.condition, 'message')}`;
  return warn(check, problem, 'fix the probe in the ConnectorClass');
}

function textOf(condition: JsonObject, key: string): string {
  const text = condition[key];
  return typeof text === 'string' ? text : '';
}
