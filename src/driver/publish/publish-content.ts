import type { AccessDecision } from '../../shared/access/access-control.js';
import type { ResolvedConnector } from '../../shared/connectors/model.js';
import type { Call } from '../../shared/limits/call.js';
import type { ConfigurationRenderer } from '../content/configuration-renderer.js';
import { rejectionContent, renderVolumeContent } from '../content/volume-content.js';
import type { ContentDefaults, VolumeContent } from '../content/volume-content.js';
import { audiencesOf, planVolume } from '../content/volume-plan.js';
import type { VolumePlan } from '../content/volume-plan.js';
import { paramsOf } from './attributes.js';
import type { PublishRequest } from './publish-request.js';
import { secretOf } from './volume-tokens.js';
import type { VolumeTokens } from './volume-tokens.js';
import { warnOnce } from './volume-warnings.js';
import type { WarningDependencies } from './volume-warnings.js';

/** The plan of a volume's content, or the rejected approval that the volume reports instead. */
export type PlannedContent =
  { readonly plan: VolumePlan } | { readonly rejection: Extract<AccessDecision, { readonly kind: 'rejected' }> };

/** Plans what a volume will contain. @throws {CodedError} as `planVolume`. */
export function planContent(
  access: AccessDecision | { readonly kind: 'unknown' },
  resolved: readonly ResolvedConnector[],
  { attributes }: PublishRequest,
  defaults: ContentDefaults,
): PlannedContent {
  return access.kind === 'rejected'
    ? { rejection: access }
    : { plan: planVolume(resolved, attributes.includedConfigurations, defaults) };
}

/** Returns the audiences of the tokens that the content needs. */
export function audiencesFor(planned: PlannedContent): readonly string[] {
  return 'plan' in planned ? audiencesOf(planned.plan) : [];
}

/** Renders the planned content in memory, and reports its warnings. @throws {CodedError} as `renderVolumeContent`. */
export async function renderContent(
  deps: WarningDependencies & { readonly renderer: ConfigurationRenderer },
  request: PublishRequest,
  planned: PlannedContent,
  tokens: VolumeTokens,
  defaults: ContentDefaults,
  call: Call,
): Promise<VolumeContent> {
  if ('rejection' in planned) return rejectionContent(planned.rejection.message, planned.rejection.details);
  const content = await renderVolumeContent(
    {
      ...request.attributes,
      configurationParams: paramsOf(request.attributes),
      volumeId: request.volumeId,
      plan: planned.plan,
      tokenFor: (audience) => secretOf(tokens, audience),
    },
    defaults,
    deps.renderer,
    call,
  );
  for (const warning of content.warnings) {
    if (warnOnce(deps, request, 'warn', warning)) deps.volumes.warned(request, warning);
  }
  return content;
}
