/* foundry.h - all of libfoundry in one include. */
#ifndef FOUNDRY_FOUNDRY_H
#define FOUNDRY_FOUNDRY_H

#include "foundry/bench.h"
#include "foundry/chat.h"
#include "foundry/config.h"
#include "foundry/convert.h"
#include "foundry/data.h"
#include "foundry/device.h"
#include "foundry/error.h"
#include "foundry/eval.h"
#include "foundry/generate.h"
#include "foundry/infer.h"
#include "foundry/log.h"
#include "foundry/model.h"
#include "foundry/runs.h"
#include "foundry/sampling.h"
#include "foundry/tokenizer.h"
#include "foundry/train.h"
#include "foundry/verify.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0", and one line more for --version: commit, compiler, rungs of this build; static storage. */
const char *lf_version(void);
const char *lf_build_info(void);
/* "libyaml 0.2.5, jansson 2.14": the libraries this process runs with; static storage. */
const char *lf_libraries(void);

#ifdef __cplusplus
}
#endif
#endif
