#include "server/commands/command.h"

#include <unistd.h>

int main(int argc, char **argv)
{
    return command_run(argc, (const char **)argv, (const char *const *)environ);
}
