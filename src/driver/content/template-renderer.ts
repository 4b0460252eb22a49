import { CodedError } from '../../shared/errors.ts';
import { Budget, MainThreadBudgetExceeded } from '../../shared/gotemplate/budget.ts';
import { defaultLimits } from '../../shared/gotemplate/limits.ts';
import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { Secret } from '../../shared/secret.ts';
import { resolveParams } from './configuration-params.ts';
import type { ResolvedConnector, Connector, ConnectorClass } from '../../shared/connectors/model.ts';
import type { PublishSlot } from '../publish/ports.ts';
import { selectConfigurations, type SelectedConfiguration } from './configuration-selection.ts';
import type { RenderedConfiguration, RenderedFiles } from './render-job.ts';
import { renderFiles, type RenderJob, type RenderOutcome } from './render-job.ts';
import { driverLimits } from '../limits.ts';
import { jsonItems, jsonMember, jsonObject } from '../../shared/json.ts';
import type { ClassGroup } from './configuration-selection.ts';
import { originOf } from './proxy-endpoint.ts';

export interface ConfigurationRequest {
  readonly resolved: readonly ResolvedConnector[];
  /** Returns the token for the templates of a class, by the class's name. */
  readonly tokenOf: (className: string) => Secret;
  readonly caBundle: string | undefined;
  readonly includedConfigurations: readonly string[];
  readonly configurationParams: JsonObject;
}

export interface TemplateRendererParts {
  /** Milliseconds since the epoch, for the time functions of templates. */
  readonly clock: () => number;
  /** CPU time of this thread in milliseconds. */
  readonly cpuMs: () => number;
  /** Runs the job outside the event loop, with fair shares for its owners. */
  readonly renderInThread: (
    job: RenderJob,
    owner: { readonly namespace: string; readonly group: string },
    signal: AbortSignal,
  ) => Promise<RenderOutcome>;
}

/** Replaces the token of a template's data in messages. */
const shownToken = new Secret('[REDACTED]');

/** Renders the configurations that a volume selects. */
export type ConfigurationRenderer = Pick<TemplateRenderer, 'render'>;

/**
 * Renders configurations from the templates of their classes. Each render is first tried in the event loop; one that
 * exceeds the limits there runs again in a worker thread.
 */
export class TemplateRenderer {
  readonly #parts: TemplateRendererParts;

  constructor(parts: TemplateRendererParts) {
    this.#parts = parts;
  }

  /**
   * Renders the selected configurations, in order; of files with the same name the last one counts.
   * @throws {CodedError} NOT_FOUND if none of the included names exists, with the existing names; the reason of the
   * slot's signal.
   */
  async render(request: ConfigurationRequest, slot: PublishSlot): Promise<RenderedFiles> {
    if (request.includedConfigurations.length === 0) return { files: [], warnings: [] };
    const { selected, warnings } = selectConfigurations(request.resolved, request.includedConfigurations);
    const params = resolveParams(selected, request.configurationParams);
    const configurations = configurationsOf(selected, params, request);
    const className = selected[0]?.group.connectorClass.name ?? '';
    const rendered =
      this.#renderInMainThread(configurations) ?? (await this.#renderInThread(configurations, className, slot));
    return { files: rendered.files, warnings: [...warnings, ...rendered.warnings] };
  }

  /** Renders in the event loop. @returns undefined if that exceeds its limits. */
  #renderInMainThread(configurations: readonly RenderedConfiguration[]): RenderedFiles | undefined {
    const { clock, cpuMs } = this.#parts;
    const startMs = cpuMs();
    const { steps: mainThreadSteps, cpuMs: maxMs } = driverLimits.renders;
    const budget = new Budget(defaultLimits, {
      clock,
      mainThreadSteps,
      mainThreadTime: { usedMs: () => cpuMs() - startMs, maxMs },
    });
    try {
      return renderFiles(configurations, budget);
    } catch (error) {
      if (error instanceof MainThreadBudgetExceeded) return undefined;
      throw error;
    }
  }

  async #renderInThread(
    configurations: readonly RenderedConfiguration[],
    className: string,
    slot: PublishSlot,
  ): Promise<RenderedFiles> {
    const job: RenderJob = { configurations, nowMs: this.#parts.clock() };
    const owner = { namespace: slot.owner.namespace, group: className };
    const outcome = await slot.releaseWhile(() => this.#parts.renderInThread(job, owner, slot.signal));
    if ('files' in outcome) return outcome;
    throw new CodedError(outcome.failure.code, outcome.failure.message);
  }
}

function configurationsOf(
  selected: readonly SelectedConfiguration[],
  params: readonly JsonObject[],
  { tokenOf, caBundle }: ConfigurationRequest,
): readonly RenderedConfiguration[] {
  return selected.map(({ group, configuration }, index) => ({
    owner: `connectorclass ${group.connectorClass.name}, configuration ${configuration.name}`,
    files: [...configuration.files],
    data: templateData(group, params[index] ?? {}, tokenOf(group.connectorClass.name), caBundle),
    shownData: templateData(group, params[index] ?? {}, shownToken, caBundle),
  }));
}

/**
 * Returns the data of a class's templates, their dot (docs/writing-a-connectorclass.md).
 * @param params of the configuration to render.
 */
export function templateData(
  { connectorClass, connectors }: ClassGroup,
  params: JsonObject,
  token: Secret,
  caBundle: string | undefined,
): JsonObject {
  const views = connectors.map((connector) => connectorView(connector, connectorClass));
  return {
    connector: views[0] ?? null,
    connectors: views,
    connectorclass: {
      ...connectorClass.object,
      name: connectorClass.name,
      proxyAddress: connectorClass.proxyAddress?.url ?? proxyOriginOf(connectors[0]),
    },
    context: { token: token.expose(), proxy: { caCert: caBundle ?? '' } },
    configurations: params,
  };
}

/** Returns `scheme://host[:port]` of the first connector's proxy, for a class without an address in its status. */
function proxyOriginOf(connector: Connector | undefined): string {
  return originOf(connector?.proxyAddress?.url ?? '') ?? '';
}

/** Returns the whole object with `name`, `namespace` and `status.proxyAddress`, and with the class's defaults. */
function connectorView(connector: Connector, connectorClass: ConnectorClass): JsonObject {
  const spec = jsonObject(connector.object, 'spec');
  const classSpec = jsonObject(connectorClass.object, 'spec');
  return {
    ...connector.object,
    name: connector.ref.name,
    namespace: connector.ref.namespace,
    spec: {
      ...spec,
      params: withDefaults(jsonMember(spec, 'params'), jsonMember(classSpec, 'params')),
      addressExtensions: withDefaults(
        jsonMember(spec, 'addressExtensions'),
        jsonMember(classSpec, 'addressExtensions'),
      ),
    },
    status: { ...jsonObject(connector.object, 'status'), proxyAddress: connector.proxyAddress?.url ?? '' },
  };
}

/** Returns the list of `{name, value}`, with an entry for each default of the class that the connector does not set. */
function withDefaults(own: JsonValue | undefined, declared: JsonValue | undefined): readonly JsonValue[] {
  const set = jsonItems(own);
  const names = new Set(set.map((entry) => jsonMember(entry, 'name')));
  const missing = jsonItems(declared).flatMap((entry) => {
    const name = jsonMember(entry, 'name');
    const value = jsonMember(entry, 'default') ?? jsonMember(entry, 'value');
    return name === undefined || value === undefined || names.has(name) ? [] : [{ name, value }];
  });
  return [...set, ...missing];
}
