/**
 * The dependencies that run in production, as CycloneDX. npm writes the document; its own `--omit=dev` also leaves out what a tool for
 * development could use as well, such as zod, so the parts are chosen here, by what the lockfile says.
 */
import * as z from 'zod';

const document = z.looseObject({
  bomFormat: z.literal('CycloneDX'),
  metadata: z.looseObject({ component: z.looseObject({ 'bom-ref': z.string() }) }),
  components: z.array(z.looseObject({ 'bom-ref': z.string(), name: z.string(), version: z.string() })),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

const lockfile = z.object({
  name: z.string(),
  packages: z.record(
    z.string(),
    z.object({ name: z.string().optional(), version: z.string().optional(), dev: z.boolean().optional() }),
  ),
});

/**
 * @param whole as `npm sbom --sbom-format=cyclonedx` writes it, of all packages
 * @param lock the text of package-lock.json
 */
export function productionSbom(whole: string, lock: string): string {
  const sbom = document.parse(JSON.parse(whole));
  const { name, packages } = lockfile.parse(JSON.parse(lock));
  const inProduction = new Set(
    Object.entries(packages)
      .filter(([, { dev }]) => dev !== true)
      .map(([path, { name, version }]) => `${name ?? path.replace(/^.*node_modules\//, '')}@${version}`),
  );
  const components = sbom.components.filter(({ name, version }) => inProduction.has(`${name}@${version}`));
  const refs = new Set([sbom.metadata.component['bom-ref'], ...components.map((component) => component['bom-ref'])]);
  const dependencies = sbom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map((each) => ({ ...each, dependsOn: each.dependsOn.filter((ref) => refs.has(ref)) }));
  // npm calls it by the directory that it lies in.
  const metadata = { ...sbom.metadata, component: { ...sbom.metadata.component, name } };
  return `${JSON.stringify({ ...sbom, metadata, components, dependencies }, undefined, 2)}\n`;
}
