module fusebacking

go 1.19
