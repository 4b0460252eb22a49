import type { Connector, ConnectorClass } from '../../../connectors/model.js';
import { jsonMember } from '../../../json.js';
import { ownershipOf } from '../../../proxy/status/ownership.js';
import type { ProxyService } from '../../../proxy/status/proxy-service.js';
import { isFrontedBy } from '../../../proxy/status/proxy-service.js';
import type { ConnectorObjects } from '../connector-objects.js';

/** Objects of the cluster that belong to this proxy. */
export interface OwnObjects {
  readonly service: ProxyService;
  readonly classes: readonly ConnectorClass[];
  readonly connectors: readonly Connector[];
  /** Connectors without an existing class, which this proxy reports. */
  readonly orphans: readonly Connector[];
  /** Services that other classes name, as `NAMESPACE/NAME`. */
  readonly otherServices: ReadonlySet<string>;
}

export function ownObjects({ connectors, classes, classNames }: ConnectorObjects, service: ProxyService): OwnObjects {
  const own = new Map([...classes].filter(([, connectorClass]) => isFrontedBy(connectorClass, service)));
  const others = [...classes].filter(([name, { proxy }]) => proxy?.hasRef === true && !own.has(name));
  return {
    service,
    classes: [...own.values()],
    connectors: connectors.filter(({ className }) => own.has(className)),
    orphans: connectors.filter(
      (connector) => !classNames.has(connector.className) && ownershipOf(connector, undefined, service) !== 'foreign',
    ),
    otherServices: new Set(others.map(([, connectorClass]) => referredService(connectorClass))),
  };
}

function referredService({ object }: ConnectorClass): string {
  const ref = jsonMember(jsonMember(object['spec'], 'proxy'), 'ref');
  const [namespace, name] = ['namespace', 'name'].map((key) => jsonMember(ref, key));
  return `${typeof namespace === 'string' ? namespace : '?'}/${typeof name === 'string' ? name : '?'}`;
}
