//go:build unix && !linux

package launch

import (
	"os/exec"
	"syscall"
)

// processAttributes puts the adapter into a process group of its own. The end of this program reaches it through the lifeline.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// reapProcess waits for the end of the command and then calls ended. There is no way here to call it before the process id is free
// again.
func reapProcess(cmd *exec.Cmd, ended func()) {
	_ = cmd.Wait() // the result is in cmd.ProcessState
	ended()
}
