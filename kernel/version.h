#pragma once
#define TRUSTOS_VERSION "0.1.0"
