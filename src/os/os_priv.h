/* os_priv.h: what the files of this folder share.
 * Owns: nothing.
 * Never: leaves the folder: errno and system structures stop here.
 * Callers: os. */
#pragma once

#include "base.h"

/* The general meaning of an errno; callers handle what means something special to them first. */
enum status os_status(int error);
