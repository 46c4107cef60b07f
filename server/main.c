#include "server/commands/command.h"

#include <unistd.h>

int main(int argc, char **argv)
{
    return command_run(argc, argv, environ);
}
