import { CodedError } from '../../shared/errors.ts';
import { listed } from '../../shared/message-text.ts';
import type { Configuration, Connector, ConnectorClass, ResolvedConnector } from '../../shared/connectors/model.ts';
import { driverLimits } from '../limits.ts';

/** A class with its connectors of the volume, in mount order; never empty. */
export interface ClassGroup {
  readonly connectorClass: ConnectorClass;
  readonly connectors: readonly Connector[];
}

/** A configuration to render, with its class and the class's connectors. */
export interface SelectedConfiguration {
  readonly group: ClassGroup;
  readonly configuration: Configuration;
}

interface SelectedConfigurations {
  /** In rendering order: classes in order of first mention, in each the names in the given order. */
  readonly selected: readonly SelectedConfiguration[];
  readonly warnings: readonly string[];
}

/**
 * Selects the configurations that a volume includes.
 * @throws {CodedError} NOT_FOUND if there are names and no class has any of them.
 */
export function selectConfigurations(
  resolved: readonly ResolvedConnector[],
  names: readonly string[],
): SelectedConfigurations {
  const groups = groupByClass(resolved);
  const selected = groups.flatMap((group) => {
    const byName = new Map(group.connectorClass.configurations.map((each) => [each.name, each]));
    return names.flatMap((name) => byName.get(name) ?? []).map((configuration) => ({ group, configuration }));
  });
  const found = new Set(selected.map(({ configuration }) => configuration.name));
  const unknown = names.filter((name) => !found.has(name));
  if (unknown.length === 0) return { selected, warnings: [] };
  const message = `attribute "configuration.names": no configuration ${listed(unknown)} in ${describe(groups)}`;
  if (selected.length === 0) throw new CodedError('NOT_FOUND', message);
  return { selected, warnings: [message] };
}

/** Groups connectors by class: classes in order of first mention, connectors in mount order. */
export function groupByClass(resolved: readonly ResolvedConnector[]): readonly ClassGroup[] {
  const groups = new Map<string, { connectorClass: ConnectorClass; connectors: Connector[] }>();
  for (const { connector, connectorClass } of resolved) {
    const group = groups.get(connectorClass.name) ?? { connectorClass, connectors: [] };
    group.connectors.push(connector);
    groups.set(connectorClass.name, group);
  }
  return [...groups.values()];
}

function describe(groups: readonly ClassGroup[]): string {
  const texts = groups.slice(0, driverLimits.messages.classes).map(({ connectorClass: { name, configurations } }) => {
    const available = listed(configurations.map((configuration) => configuration.name));
    return `connectorclass ${name} (available: ${available === '' ? 'none' : available})`;
  });
  const more = groups.length - texts.length;
  return `${texts.join(', ')}${more === 0 ? '' : ` and ${more} more`}`;
}
