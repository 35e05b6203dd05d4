import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

// npm run api: writes what each entry point promises in types to this folder. A test compares it with what is built, so
// that a change of it is seen in review.

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The entry points with types, by the names of their reports. */
export const entryPoints = new Map(
  Object.entries(manifest.exports)
    .filter(([, target]) => target.types !== undefined)
    .map(([path, { types }]) => [path === '.' ? 'index' : path.slice('./'.length), join(root, types)]),
);

/** Describes an entry point, in the folder. */
export function writeReport(name, folder) {
  const temporary = mkdtempSync(join(tmpdir(), 'api-'));
  const silent = { logLevel: ExtractorLogLevel.None };
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: entryPoints.get(name),
      compiler: { tsconfigFilePath: join(root, 'tsconfig.json') },
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: folder,
        reportTempFolder: temporary,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      // Doc comments are checked by other tests.
      messages: { extractorMessageReporting: { default: silent }, tsdocMessageReporting: { default: silent } },
    },
    packageJsonFullPath: join(root, 'package.json'),
  });
  Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      message.handled = message.logLevel !== ExtractorLogLevel.Error;
    },
  });
  rmSync(temporary, { recursive: true });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const name of entryPoints.keys()) writeReport(name, join(root, 'api'));
}
