import type { JsonObject } from '../../shared/json.js';
import type { Secret } from '../../shared/secret.js';
import type { Call } from '../../shared/limits/call.js';
import type { ResolvedConnector } from '../../shared/connectors/model.js';
import type { VolumeFile } from '../publish/ports.js';

export interface ConfigurationRequest {
  readonly resolved: readonly ResolvedConnector[];
  /** Returns the token for the templates of a class, by the class's name. */
  readonly tokenOf: (className: string) => Secret;
  readonly caBundle: string | undefined;
  readonly includedConfigurations: readonly string[];
  readonly configurationParams: JsonObject;
}

export interface RenderedConfigurations {
  /** In rendering order; of files with the same name the last one counts. */
  readonly files: readonly VolumeFile[];
  readonly warnings: readonly string[];
}

/** Renders the configurations that a volume selects. */
export interface ConfigurationRenderer {
  /**
   * Renders the selected configurations.
   * @throws {CodedError} NOT_FOUND if none of the included names exists, with the existing names; the reason of the
   * call's signal.
   */
  render(request: ConfigurationRequest, call: Call): Promise<RenderedConfigurations>;
}
