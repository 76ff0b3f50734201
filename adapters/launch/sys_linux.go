package launch

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// processAttributes puts the adapter into a process group of its own and has the kernel kill it when this program dies.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// reapProcess waits for the end of the command. It calls ended while the process is a zombie: until it is reaped, its id and that
// of its group cannot belong to anything else.
func reapProcess(cmd *exec.Cmd, ended func()) {
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	ended()
	_ = cmd.Wait() // the result is in cmd.ProcessState
}
